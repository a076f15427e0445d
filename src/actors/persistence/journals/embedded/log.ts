/**
 * What is known of the log by reading it: its segments, where each shard ends, its low marks.
 * A writer tells it of its own batches; everything else comes from the files. Knows nothing of
 * writing. Not reentrant: `open`, `refresh` and `took` are called one at a time.
 *
 * L1. `end` is the offset in the last segment after the last batch that counts; everything below
 *     is in summaries and ends. `size` is how far the last segment has been looked at: between
 *     the two lies only what does not count yet, or never will.
 * L2. A segment's file exists only if everything before its base is durable (see `log-writer.ts`).
 * L3. Of the batches that are seen, but not known to be on the device, the bytes are kept: they
 *     may vanish from the file again when a sync has failed.
 */
import { type Logger, TroupeError } from "../../../kernel/index.ts";
import type { AppendRequest, Position } from "../../journal.ts";
import {
  type BatchHeader,
  batchHeaderBytes,
  encodeBatchHeader,
  recordHeaderBytes,
} from "./batch.ts";
import { errorCode } from "./file-system.ts";
import type { ScannedBatch } from "./scan.ts";
import { Segment, type SegmentPlace, segmentBase } from "./segment.ts";
import type { SegmentPool } from "./segment-pool.ts";
import { decodeRollSummary, mergeMarks } from "./segment-summary.ts";

/** A batch met while reading on, and where its records' shards ended before each of them. */
export interface FoundBatch {
  readonly header: BatchHeader;
  readonly position: Position;
  readonly endsBefore: readonly Position[];
}

/** Bytes of a batch that may not be on the device yet, and where they stand in the last segment. */
export interface UnprovenBatch {
  readonly offset: number;
  readonly bytes: Buffer;
}

/** Times that a listing is repeated because a writer removed a segment meanwhile. */
const listingsMax = 5;

export class Log {
  readonly #place: SegmentPlace;
  readonly #pool: SegmentPool;
  readonly #logger: Logger;
  #segments: Segment[] = [];
  /** Where each shard's last record ends; 0 = it has none. */
  ends: Float64Array;
  /** Below these, records may be gone. */
  lows: Float64Array;
  end = 0;
  size = 0;
  /** The last batch is a roll, and the segment that it leads to is not there yet. */
  rolled = false;
  numberMax = 0;
  #durable: Position = 0;
  #unproven: UnprovenBatch[] = [];

  constructor(place: SegmentPlace, pool: SegmentPool, logger: Logger) {
    this.#place = place;
    this.#pool = pool;
    this.#logger = logger;
    this.ends = new Float64Array(place.shards);
    this.lows = new Float64Array(place.shards);
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  /** The segment that grows. */
  get active(): Segment {
    const last = this.#segments.at(-1);
    if (last === undefined) throw new Error("the log was used before it was opened");
    return last;
  }

  /** The position after the last batch that counts. */
  get endPosition(): Position {
    return this.active.base + this.end;
  }

  /** All valid batches before this position are known to be on the device. */
  get durable(): Position {
    return this.#durable;
  }

  /** The batches from `durable` on. */
  get unproven(): readonly UnprovenBatch[] {
    return this.#unproven;
  }

  /** All valid batches before `position` are on the device. */
  proven(position: Position): void {
    this.#durable = Math.max(this.#durable, position);
    const offset = this.#durable - this.active.base;
    if (this.#unproven.length === 0) return;
    this.#unproven = this.#unproven.filter((batch) => batch.offset + batch.bytes.length > offset);
  }

  /** Forgets everything, and reads the folder afresh. */
  async reload(): Promise<void> {
    const fresh = new Log(this.#place, this.#pool, this.#logger);
    await fresh.open();
    const old = this.#segments;
    // At once: those who read beside see the one or the other.
    this.#segments = fresh.#segments;
    this.ends = fresh.ends;
    this.lows = fresh.lows;
    this.end = fresh.end;
    this.size = fresh.size;
    this.rolled = fresh.rolled;
    this.numberMax = fresh.numberMax;
    this.#durable = fresh.#durable;
    this.#unproven = fresh.#unproven;
    for (const segment of old) {
      this.#pool.forget(segment);
      await segment.retire();
    }
  }

  /** Reads the folder; fails with `TROUPE_JOURNAL_CORRUPT` when a part is missing or damaged. */
  async open(): Promise<void> {
    for (let listing = 1; ; listing++) {
      try {
        return await this.#load();
      } catch (error) {
        if (errorCode(error) !== "ENOENT" || listing === listingsMax) throw error;
      }
    }
  }

  async #load(): Promise<void> {
    const bases = await this.#bases();
    const segments = bases.map((base) => new Segment(this.#place, base));
    const active = segments.at(-1);
    if (active === undefined) {
      throw new TroupeError("TROUPE_JOURNAL_CORRUPT", {
        where: this.#place.directory,
        problem: "the folder has a journal.json, but none of the log's files",
      });
    }
    for (const [number, segment] of segments.entries()) {
      const next = segments[number + 1];
      if (next !== undefined) await this.#loadFull(segment, next.base - segment.base);
    }
    this.#segments = segments;
    this.#startActive(active);
    await this.refresh();
  }

  async #bases(): Promise<readonly Position[]> {
    const names = await this.#place.fileSystem.list(this.#place.directory);
    const bases = names.map(segmentBase).filter((base) => base !== undefined);
    return bases.sort((one, other) => one - other);
  }

  async #loadFull(segment: Segment, end: number): Promise<void> {
    segment.numberMaxBefore = this.numberMax;
    segment.seal(end);
    const roll = await segment.rollBefore(end);
    if (roll === undefined) {
      await this.#scanFull(segment, end);
    } else {
      segment.summary = decodeRollSummary(roll.body, this.#place.shards);
      mergeMarks(roll.body, this.lows);
      this.numberMax = Math.max(this.numberMax, roll.number);
    }
    for (const shard of this.ends.keys()) {
      if ((segment.summary.count[shard] ?? 0) === 0) continue;
      this.#raiseEnd(shard, segment.base + (segment.summary.end[shard] ?? 0));
    }
    await segment.closeFile();
  }

  /** Its roll does not tell all: other processes wrote at the same time, or it is damaged. */
  async #scanFull(segment: Segment, end: number): Promise<void> {
    const range = { from: 0, to: await segment.size(), numberMax: this.numberMax };
    const scanned = await segment.scan(range, (batch) => {
      segment.eachRecordOf(batch, (shard, offset, length) => segment.add(shard, offset, length));
      segment.mergeMarksOf(batch, this.lows);
      this.numberMax = Math.max(this.numberMax, batch.header.number);
    });
    if (!scanned.rolled || scanned.end !== end) {
      throw segment.damage(scanned.end, "no batch there leads to the next file of the folder");
    }
  }

  #startActive(segment: Segment): void {
    segment.startIndex();
    segment.numberMaxBefore = this.numberMax;
    this.end = 0;
    this.size = 0;
    this.rolled = false;
    this.#unproven = [];
    this.proven(segment.base);
  }

  #raiseEnd(shard: number, end: Position): void {
    this.ends[shard] = Math.max(this.ends[shard] ?? 0, end);
  }

  /**
   * Reads on to the present end, also into segments that others have begun. Answers `reloaded`
   * when others had removed the way there: `onBatch` has then not seen every batch.
   */
  async refresh(onBatch?: (batch: FoundBatch) => void): Promise<"read" | "reloaded"> {
    for (;;) {
      await this.#readOn(onBatch);
      if (!this.rolled) return "read";
      const next = await this.#follow();
      if (next !== "entered") return next === "none" ? "read" : "reloaded";
    }
  }

  async #readOn(onBatch?: (batch: FoundBatch) => void): Promise<void> {
    const { active } = this;
    const size = await active.size();
    if (size < this.size) {
      throw active.damage(size, `the file was ${this.size} bytes long and has become shorter`);
    }
    if (size === this.size || this.rolled) return;
    const range = { from: this.end, to: size, numberMax: this.numberMax };
    const { end, skippedBytes } = await active.scan(range, (batch) => {
      const endsBefore = this.#take(active, batch);
      onBatch?.({ header: batch.header, position: active.base + batch.offset, endsBefore });
    });
    this.end = end;
    this.size = size;
    if (skippedBytes > 0) {
      const fields = { path: active.path, skippedBytes };
      this.#logger.warn("journal: stepped over a write that was never finished", fields);
    }
  }

  #take(segment: Segment, batch: ScannedBatch): readonly Position[] {
    const { header } = batch;
    const endsBefore: Position[] = [];
    segment.eachRecordOf(batch, (shard, offset, length) => {
      endsBefore.push(this.#add(segment, shard, { offset, length }));
    });
    segment.mergeMarksOf(batch, this.lows);
    this.rolled = header.kind === "roll";
    this.numberMax = Math.max(this.numberMax, header.number);
    this.proven(header.durable);
    const head = encodeBatchHeader(this.#place.journalId, header);
    this.#unproven.push({ offset: batch.offset, bytes: Buffer.concat([head, batch.body]) });
    this.end = batch.offset + batchHeaderBytes + header.bodyBytes;
    return endsBefore;
  }

  /** Takes a record up; returns where its shard ended before. */
  #add(segment: Segment, shard: number, at: { offset: number; length: number }): Position {
    const endBefore = this.ends[shard] ?? 0;
    const end = at.offset + recordHeaderBytes + at.length;
    segment.add(shard, at.offset, at.length);
    this.#raiseEnd(shard, segment.base + end);
    return endBefore;
  }

  /**
   * The writer's own `data` batch, which is on the device and begins exactly at `size`. Returns
   * where the records' shards ended before each of them.
   */
  took(header: BatchHeader, records: readonly AppendRequest[]): readonly Position[] {
    const { active } = this;
    let offset = this.size + batchHeaderBytes;
    const endsBefore = records.map(({ shard, bytes }) => {
      const endBefore = this.#add(active, shard, { offset, length: bytes.byteLength });
      offset += recordHeaderBytes + bytes.byteLength;
      return endBefore;
    });
    this.end = offset;
    this.size = offset;
    this.numberMax = header.number;
    this.proven(this.endPosition);
    return endsBefore;
  }

  /** Goes on to the segment after a roll. */
  async #follow(): Promise<"entered" | "none" | "reloaded"> {
    const next = this.endPosition;
    const bases = await this.#bases();
    if (bases.includes(next)) {
      const full = this.active;
      const active = new Segment(this.#place, next);
      this.#segments.push(active);
      this.#startActive(active);
      full.seal(next - full.base);
      await this.#pool.touch(full);
      return "entered";
    }
    // Others have written so much, and cut so much of it, that the next file is gone already.
    if (!bases.some((base) => base > next)) return "none";
    await this.reload();
    return "reloaded";
  }

  /** The leading full segments that hold nothing at or above a low mark. */
  droppable(): readonly Segment[] {
    const keep = this.#segments.findIndex(
      (segment) => segment === this.active || this.#holdsReadable(segment),
    );
    return this.#segments.slice(0, keep);
  }

  #holdsReadable({ base, summary }: Segment): boolean {
    return this.lows.some(
      (low, shard) => (summary.count[shard] ?? 0) > 0 && base + (summary.last[shard] ?? 0) >= low,
    );
  }

  /** Forgets a segment whose file is removed. */
  async dropped(segment: Segment): Promise<void> {
    this.#segments = this.#segments.filter((one) => one !== segment);
    this.#pool.forget(segment);
    await segment.retire();
  }

  /** The segment in which a position lies; undefined when it was removed or never begun. */
  segmentAt(position: Position): Segment | undefined {
    return this.#segments.findLast((segment) => segment.base <= position);
  }

  async close(): Promise<void> {
    await Promise.all(this.#segments.map((segment) => segment.retire()));
  }
}
