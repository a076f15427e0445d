/**
 * The frames of one shard as walks back along entities' chains read them: one by one where an entity
 * is one among many, by pages where the walks under way want most of what lies there. Without pages a
 * restart whose snapshots are gone would ask the store once for every frame.
 *
 *  S1. A page is read only when the steps of the walks say that at least half of it is wanted: frames of others and
 *      empty ones lie between, and a round trip costs more than their bytes. How far apart the shard's frames lie
 *      only a page can tell, so several walks at once begin with a small one.
 *  S2. One page at a time, each right below the one before; walks that miss meanwhile wait for it and
 *      look again. So nothing is read by page twice.
 *  S3. Pages fill the cache and nothing else: without one, or after a failed page, frames are read singly.
 */
import { type Frame, type FrameFault, FrameReader } from "./frame.ts";
import type { FrameCache } from "./frame-cache.ts";
import type { Journal, JournalRecord, Position } from "./journal.ts";
import type { WalkPace } from "./walk-pace.ts";

export interface ShardFramesParts {
  readonly journal: Journal;
  readonly shard: number;
  readonly cache: FrameCache;
  readonly pageBytes: number;
  /** Of all shards together. */
  readonly pace: WalkPace;
}

/** Wanted frames among those of a page, at least. */
const densityMin = 0.5;
/** Steps of which the average length of a step is made, about. */
const stepsRemembered = 16;
/** Walks at once that are worth a look at how far apart the frames lie. */
const probeWalksMin = 8;
/** The first page is small; each one after it is twice as long, up to the bytes of a page. */
const firstPageFrames = 16;
const pageFramesMax = 4_096;

export class ShardFrames {
  readonly #parts: ShardFramesParts;
  readonly #reader: FrameReader;
  #walks = 0;
  /** Average length of a step back, in positions. */
  #step = Number.POSITIVE_INFINITY;
  /** Positions from one frame of the shard to the next, as the last page had them; before, those of one frame. */
  #unit = 1;
  #isProbed = false;
  /** Of the frame that was read singly last. */
  #frameBytes = 0;
  #pageFrames = firstPageFrames;
  #paging: Promise<void> | undefined;
  /** Where the lowest page begins. */
  #pagedFrom: Position = Number.POSITIVE_INFINITY;

  constructor(parts: ShardFramesParts) {
    this.#parts = parts;
    this.#reader = new FrameReader(parts.journal.journalId, parts.shard);
  }

  begin(): FrameWalk {
    this.#walks++;
    this.#parts.pace.began();
    return new FrameWalk(this, this.#parts.pace);
  }

  /** A walk has ended. */
  ended(): void {
    this.#parts.pace.ended();
    if (--this.#walks > 0) return;
    this.#step = Number.POSITIVE_INFINITY;
    this.#pageFrames = firstPageFrames;
    this.#pagedFrom = Number.POSITIVE_INFINITY;
    this.#isProbed = false;
  }

  stepped(positions: number): void {
    this.#step = Number.isFinite(this.#step)
      ? this.#step + (positions - this.#step) / stepsRemembered
      : positions;
  }

  /** The frame there, if it was read lately. */
  cached(position: Position): Frame | undefined {
    return this.#parts.cache.get(this.#parts.shard, position);
  }

  /** The frame there, or what is there instead. @throws as `Journal.readAt`. */
  async read(position: Position): Promise<Frame | FrameFault> {
    const { cache, shard, journal } = this.#parts;
    for (;;) {
      const known = cache.get(shard, position);
      if (known !== undefined) return known;
      if (this.#paging === undefined) break;
      await this.#paging;
    }
    if (position < this.#pagedFrom && this.#isDense()) {
      this.#paging = this.#readPage(position).finally(() => {
        this.#paging = undefined;
      });
      await this.#paging;
      const known = cache.get(shard, position);
      if (known !== undefined) return known;
    }
    const record = await journal.readAt(shard, position);
    this.#parts.pace.resumed();
    if (!this.#isProbed) this.#unit = record.next - record.position;
    this.#frameBytes = record.bytes.length;
    const frame = this.#reader.read(record.bytes);
    if (typeof frame !== "string") cache.put(shard, position, frame);
    return frame;
  }

  #isDense(): boolean {
    const { cache, pageBytes } = this.#parts;
    if (cache.bytesMax < 2 * pageBytes || !Number.isFinite(this.#step)) return false;
    if (!this.#isProbed && this.#walks >= probeWalksMin) return true;
    const stepFrames = Math.max(1, this.#step / this.#unit);
    return this.#walks / stepFrames >= densityMin;
  }

  /** The frames below the last page, down to the one that is wanted and as many again as a page holds. */
  async #readPage(wanted: Position): Promise<void> {
    const { journal, shard, pageBytes } = this.#parts;
    const length = this.#pageFrames * this.#unit;
    const end = this.#pagedFrom - wanted < length ? this.#pagedFrom - 1 : wanted;
    const from = Math.max(0, Math.ceil(wanted + this.#unit - length));
    let at = from;
    this.#pagedFrom = from;
    this.#isProbed = true;
    let bytes = 0;
    let frames = 0;
    try {
      while (at <= end) {
        const framesLeft = Math.floor((end - at) / this.#unit) + 1;
        // Half a frame less: a page goes on until it has as much, and must not take one too many.
        const bytesMax = Math.min((framesLeft - 0.5) * this.#frameBytes, pageBytes);
        const { records, next } = await journal.read(shard, at, bytesMax);
        this.#parts.pace.resumed();
        if (records.length === 0) return;
        for (const record of records) {
          if (record.position > end) break;
          bytes += record.bytes.length;
          frames++;
          this.#keep(record);
        }
        at = next;
      }
      if (frames > 0) {
        this.#frameBytes = Math.floor(bytes / frames);
        this.#unit = Math.max(1, (end + 1 - from) / frames);
      }
    } catch {
      // Part of it may have been cut away. What is wanted of it is read singly, and speaks for itself.
      return;
    }
    const longer = this.#pageFrames * 2;
    const fits = bytes * 2 <= pageBytes && longer <= pageFramesMax;
    if (fits) this.#pageFrames = longer;
    else if (bytes >= pageBytes) this.#pageFrames = Math.max(firstPageFrames, this.#pageFrames / 2);
  }

  #keep({ position, bytes }: JournalRecord): void {
    const { cache, shard } = this.#parts;
    const frame = this.#reader.read(bytes);
    if (typeof frame !== "string" && frame.kind === "data") cache.put(shard, position, frame);
  }
}

/** One entity's way back. */
export class FrameWalk {
  readonly #frames: ShardFrames;
  readonly #pace: WalkPace;
  #last: Position | undefined;

  constructor(frames: ShardFrames, pace: WalkPace) {
    this.#frames = frames;
    this.#pace = pace;
  }

  /** A promise only where the store has to be asked, or others should have their turn. */
  read(position: Position): Frame | Promise<Frame | FrameFault> {
    if (this.#last !== undefined && position < this.#last) {
      this.#frames.stepped(this.#last - position);
    }
    this.#last = position;
    const known = this.#frames.cached(position);
    if (known === undefined) return this.#frames.read(position);
    const pause = this.#pace.step();
    return pause === undefined ? known : pause.then(() => known);
  }

  end(): void {
    this.#frames.ended();
  }
}
