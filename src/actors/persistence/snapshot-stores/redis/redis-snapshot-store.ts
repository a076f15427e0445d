/**
 * Snapshots in Redis: a hash for each entity, written by compare-and-set on the position. A payload
 * above one chunk is uploaded into a hash of its own first, chunk by chunk, so that no single
 * command holds up the server for long; its manifest is written last.
 */
import { limits, type Random, TroupeError } from "../../../kernel/index.ts";
import type { Snapshot, SnapshotBounds, SnapshotKey, SnapshotStore } from "../../snapshot-store.ts";
import type { Argument, RedisCall, RedisLink } from "./redis-link.ts";
import {
  bodyKey,
  entityKey,
  manifestOf,
  type SnapshotManifest,
  snapshotFrom,
} from "./snapshot-manifest.ts";
import {
  deleteScript,
  loadScript,
  type Script,
  saveScript,
  uploadScript,
} from "./snapshot-scripts.ts";

/** Another owner may change the entity's snapshots between two scripts; more often is a fault. */
const ROUNDS_MAX = 4;

export interface RedisSnapshotStoreParts {
  readonly link: RedisLink;
  readonly random: Random;
  readonly keyPrefix: string;
  readonly keep: number;
  readonly chunkBytes: number;
  /** An upload that has not ended by then is dropped by the server. */
  readonly uploadTtlMs: number;
}

export class RedisSnapshotStore implements SnapshotStore {
  readonly #parts: RedisSnapshotStoreParts;
  #savingBytes = 0;

  constructor(parts: RedisSnapshotStoreParts) {
    this.#parts = parts;
  }

  async load(key: SnapshotKey, bounds: SnapshotBounds = {}): Promise<Snapshot | undefined> {
    const entity = entityKey(this.#parts.keyPrefix, key);
    const found = await this.#parts.link.call("load", (call) => newest(call, entity, bounds));
    if (found === undefined) return undefined;
    const snapshot = snapshotFrom(found.manifest, found.payload);
    if (typeof snapshot !== "string") return snapshot;
    const details = { store: this.#parts.link.name, key: entity, problem: snapshot };
    throw new TroupeError("TROUPE_SNAPSHOT_DAMAGED", details);
  }

  async save(key: SnapshotKey, snapshot: Snapshot): Promise<boolean> {
    const bytes = snapshot.payload.length;
    const bytesMax = limits.redisSnapshotsSavingBytesMax;
    if (this.#savingBytes + bytes > bytesMax) {
      const reason = `${this.#savingBytes + bytes} bytes would be on their way at once, and ${bytesMax} are allowed`;
      const details = { store: this.#parts.link.name, operation: "save", reason };
      throw new TroupeError("TROUPE_SNAPSHOT_STORE_UNAVAILABLE", details);
    }
    this.#savingBytes += bytes;
    try {
      return await this.#parts.link.call("save", (call) => this.#save(call, key, snapshot));
    } finally {
      this.#savingBytes -= bytes;
    }
  }

  async #save(call: RedisCall, key: SnapshotKey, snapshot: Snapshot): Promise<boolean> {
    const { keyPrefix, keep, chunkBytes, random } = this.#parts;
    const entity = entityKey(keyPrefix, key);
    const payload = bufferOf(snapshot.payload);
    const place = String(snapshot.position);
    if (payload.length <= chunkBytes) {
      const manifest = JSON.stringify(manifestOf(snapshot));
      const args = [place, manifest, payload, keep, "", 0];
      return (await runNaming(call, saveScript, [entity], args)) === 1;
    }
    const body = bodyKey(entity, random.uuid());
    const chunks = await this.#upload(call, body, payload);
    const manifest = JSON.stringify(manifestOf(snapshot, { key: body, chunks }));
    const args = [place, manifest, "", keep, body, chunks];
    return (await runNaming(call, saveScript, [entity, body], args)) === 1;
  }

  /** One chunk after the other: the commands of other entities come in between. */
  async #upload(call: RedisCall, body: string, payload: Buffer): Promise<number> {
    const { chunkBytes, uploadTtlMs } = this.#parts;
    let chunks = 0;
    for (let at = 0; at < payload.length; at += chunkBytes) {
      const chunk = payload.subarray(at, at + chunkBytes);
      await call.run(uploadScript, [body], [chunks, chunk, uploadTtlMs]);
      chunks++;
    }
    return chunks;
  }

  async delete(key: SnapshotKey, bounds: SnapshotBounds = {}): Promise<void> {
    const entity = entityKey(this.#parts.keyPrefix, key);
    await this.#parts.link.call("delete", (call) =>
      runNaming(call, deleteScript, [entity], boundArguments(bounds)),
    );
  }

  close(): Promise<void> {
    this.#parts.link.close();
    return Promise.resolve();
  }
}

interface Found {
  readonly manifest: SnapshotManifest;
  readonly payload: Buffer;
}

async function newest(
  call: RedisCall,
  entity: string,
  bounds: SnapshotBounds,
): Promise<Found | undefined> {
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const found = await call.run(loadScript, [entity], boundArguments(bounds));
    if (!Array.isArray(found)) return undefined;
    const manifest = JSON.parse(String(found[0])) as SnapshotManifest;
    if (manifest.body === undefined) return { manifest, payload: wholeOf([found[1]]) };
    const chunks: unknown[] = [];
    for (let index = 0; index < (manifest.chunks ?? 0); index++) {
      const chunk = await call.send("hget", [manifest.body, index]);
      if (chunk === null) break;
      chunks.push(chunk);
    }
    // A newer snapshot may have pushed this one out meanwhile; then the next look finds that one.
    const isWhole = chunks.length === manifest.chunks;
    if (isWhole || round === ROUNDS_MAX - 1) return { manifest, payload: wholeOf(chunks) };
  }
  return undefined;
}

/** Runs a script that may ask for the names of bodies, until it has them all. */
async function runNaming(
  call: RedisCall,
  script: Script,
  keys: readonly string[],
  args: readonly Argument[],
): Promise<unknown> {
  let named: readonly string[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const answer = await call.run(script, [...keys, ...named], args);
    if (!Array.isArray(answer)) return answer;
    named = answer.map(String);
  }
  throw new Error(`the snapshots changed ${ROUNDS_MAX} times while they were replaced`);
}

function boundArguments({ sequenceNumberMax, timeMsMax }: SnapshotBounds): readonly Argument[] {
  return [sequenceNumberMax, timeMsMax].map((bound) =>
    bound === undefined || bound === Number.POSITIVE_INFINITY ? "" : String(bound),
  );
}

function wholeOf(parts: readonly unknown[]): Buffer {
  return Buffer.concat(parts.filter((part) => Buffer.isBuffer(part)));
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}
