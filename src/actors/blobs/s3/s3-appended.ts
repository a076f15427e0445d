/**
 * Blobs that grow, on a server whose objects cannot: each append is an object of its own,
 * `appended/<key>@/<offset>`, put only where there is none. So of two writers at one offset the server
 * itself refuses one.
 */
import { limits, TroupeError } from "../../kernel/index.ts";
import type { BlobStat } from "../blob-store.ts";
import { TurnByKey } from "../turn-by-key.ts";
import type { S3Object, S3Objects } from "./s3-objects.ts";

const appendedPrefix = "appended/";
/** `@` stands in no key, so no key's objects lie among those of another. */
const offsetMark = "@/";
/** Enough for any safe integer; with zeros in front, names have the order of the offsets. */
const offsetDigits = 16;

/** One append. */
interface Segment {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
  readonly changedAtMs: number;
}

export class S3Appended {
  readonly #objects: S3Objects;
  readonly #turns = new TurnByKey();
  /** What was last seen of each blob, the one used longest ago first: only more can have come since. */
  readonly #known = new Map<string, Segment[]>();

  constructor(objects: S3Objects) {
    this.#objects = objects;
  }

  append(key: string, offset: number, data: Uint8Array): Promise<number> {
    return this.#turns.run(key, async () => {
      if (endOf(this.#known.get(key) ?? []) !== offset) {
        const end = endOf(await this.#segments(key));
        if (end !== offset)
          throw new TroupeError("TROUPE_BLOB_GAP", { key, end, gotOffset: offset });
      }
      const end = offset + data.byteLength;
      if (data.byteLength === 0) return end;
      const name = nameOf(key, offset);
      if (!(await this.#objects.put(name, data, { fresh: true }))) {
        const there = await this.#segments(key);
        // An answer that got lost makes the client ask twice: then what is there is ours.
        if (!(await this.#holds(name, data))) {
          throw new TroupeError("TROUPE_BLOB_GAP", { key, end: endOf(there), gotOffset: offset });
        }
        return end;
      }
      const segment = { name, offset, bytes: data.byteLength, changedAtMs: Date.now() };
      this.#remember(key, [...(this.#known.get(key) ?? []), segment]);
      return end;
    });
  }

  /** undefined = there is none. */
  async read(
    key: string,
    offset: number,
    length: number,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const segments = await this.#segments(key);
    if (segments.length === 0) return undefined;
    return this.#pieces(segments, offset, offset + length);
  }

  async stat(key: string): Promise<BlobStat | undefined> {
    return statOf(key, await this.#segments(key));
  }

  async delete(key: string): Promise<void> {
    await this.#turns.run(key, async () => {
      this.#known.delete(key);
      const names: string[] = [];
      for await (const { name } of this.#objects.list(nameOf(key))) names.push(name);
      // The last one first: what is left of a delete that broke off has no hole.
      for (const name of names.reverse()) await this.#objects.delete(name);
    });
  }

  async *list(keyPrefix: string): AsyncGenerator<BlobStat> {
    let key: string | undefined;
    let segments: Segment[] = [];
    for await (const object of this.#objects.list(appendedPrefix + keyPrefix)) {
      const of = segmentOf(object);
      if (of === undefined) continue;
      if (of.key !== key) {
        const whole = key === undefined ? undefined : statOf(key, segments);
        if (whole !== undefined) yield whole;
        segments = [];
        key = of.key;
      }
      segments.push(of.segment);
    }
    const last = key === undefined ? undefined : statOf(key, segments);
    if (last !== undefined) yield last;
  }

  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async *#pieces(
    segments: readonly Segment[],
    from: number,
    to: number,
  ): AsyncGenerator<Uint8Array> {
    for (const { name, offset, bytes } of segments) {
      const start = Math.max(from, offset);
      const end = Math.min(to, offset + bytes);
      if (start >= end) continue;
      const data = await this.#objects.get(name, start - offset, end - start);
      if (data === undefined) return;
      yield* data;
    }
  }

  async #segments(key: string): Promise<Segment[]> {
    const known = this.#known.get(key) ?? [];
    const segments = [...known];
    for await (const object of this.#objects.list(nameOf(key), known.at(-1)?.name)) {
      const of = segmentOf(object);
      if (of !== undefined) segments.push(of.segment);
    }
    this.#remember(key, segments);
    return segments;
  }

  #remember(key: string, segments: Segment[]): void {
    this.#known.delete(key);
    if (segments.length === 0) return;
    this.#known.set(key, segments);
    const [oldest] = this.#known.keys();
    if (this.#known.size > limits.blobsKnownMax && oldest !== undefined) {
      this.#known.delete(oldest);
    }
  }

  async #holds(name: string, data: Uint8Array): Promise<boolean> {
    const pieces: Uint8Array[] = [];
    const stored = await this.#objects.get(name, 0, Number.POSITIVE_INFINITY);
    for await (const piece of stored ?? []) pieces.push(piece);
    return Buffer.concat(pieces).equals(data);
  }
}

function nameOf(key: string, offset?: number): string {
  const digits = offset === undefined ? "" : String(offset).padStart(offsetDigits, "0");
  return `${appendedPrefix}${key}${offsetMark}${digits}`;
}

/** undefined = somebody else's object. */
function segmentOf(object: S3Object): { key: string; segment: Segment } | undefined {
  const { name, bytes, changedAtMs } = object;
  const mark = name.lastIndexOf(offsetMark);
  const offset = Number(name.slice(mark + offsetMark.length));
  if (mark < 0 || !Number.isSafeInteger(offset)) return undefined;
  const key = name.slice(appendedPrefix.length, mark);
  return { key, segment: { name, offset, bytes, changedAtMs } };
}

function endOf(segments: readonly Segment[]): number {
  const last = segments.at(-1);
  return last === undefined ? 0 : last.offset + last.bytes;
}

function statOf(key: string, segments: readonly Segment[]): BlobStat | undefined {
  const last = segments.at(-1);
  return last && { key, bytes: endOf(segments), changedAtMs: last.changedAtMs };
}
