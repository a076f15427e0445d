/**
 * Reads the records of one shard out of the log of all shards. Records that lie close together
 * are fetched by one read, and a few reads run side by side. Holds nothing between calls.
 */
import { isTroupeError, limits } from "../../../kernel/index.ts";
import type { JournalPage, JournalRecord, Position } from "../../journal.ts";
import { beyondEnd } from "../journal-errors.ts";
import { decodeRecordHeader, recordHeaderBytes } from "./batch.ts";
import { type Block, BlockCache, blockBytes } from "./block-cache.ts";
import type { Log } from "./log.ts";
import type { Segment } from "./segment.ts";
import type { SegmentIndex } from "./segment-index.ts";
import type { SegmentPool } from "./segment-pool.ts";

/** Reading over so much that is not wanted costs less than another call. */
const gapBytesMax = 2 * 1024;
const runBytesMax = 1024 * 1024;
const readsAtOnce = 4;
/** The first guess of a single record's size; the next ones are a little more than the last record. */
const guessBytesFirst = 4 * 1024;
const guessBytesMax = 64 * 1024;
/** With as many runs in each block, reading whole blocks is cheaper than reading the runs … */
const runsPerBlockMin = 16;
/** … or with as many, when other shards are read at the same time and share the blocks. */
const sharedRunsPerBlockMin = 4;
const mingledRunsMin = 8;

/** Records of one shard that lie close together; offsets are within the file. */
interface Run {
  readonly start: number;
  end: number;
  readonly offsets: number[];
  wantedBytes: number;
}

export class ShardReader {
  readonly #log: Log;
  readonly #pool: SegmentPool;
  readonly #blocks = new BlockCache(limits.journalReadCacheBytesMax);
  #readsRunning = 0;
  #guessBytes = guessBytesFirst;

  constructor(log: Log, pool: SegmentPool) {
    this.#log = log;
    this.#pool = pool;
  }

  async read(shard: number, from: Position, bytesMax: number): Promise<JournalPage> {
    this.#readsRunning++;
    try {
      return await this.#read(shard, from, bytesMax);
    } finally {
      this.#readsRunning--;
    }
  }

  async #read(shard: number, from: Position, bytesMax: number): Promise<JournalPage> {
    if (from > this.#log.endPosition) throw beyondEnd(shard, from, this.#log.endPosition);
    const records: JournalRecord[] = [];
    let bytesLeft = Math.max(1, bytesMax);
    for (const segment of this.#log.segments) {
      if (bytesLeft <= 0) break;
      const { summary, base } = segment;
      const isEmpty = (summary.count[shard] ?? 0) === 0;
      if (isEmpty || base + (summary.last[shard] ?? 0) < from) continue;
      const index = await segment.index();
      const runs = planRuns(index, shard, { from: from - base, bytesMax: bytesLeft });
      const runsPerBlock = this.#readsRunning > 1 ? sharedRunsPerBlockMin : runsPerBlockMin;
      const found = areMingled(runs, runsPerBlock)
        ? await this.#readMingled(segment, shard, runs)
        : await readRuns(segment, shard, runs);
      for (const record of found) {
        bytesLeft -= record.bytes.byteLength;
        records.push(record);
      }
      if (segment !== this.#log.active) await this.#pool.touch(segment);
    }
    return { records, next: records.at(-1)?.next ?? from };
  }

  /** Out of shared blocks, one after the other, so that shards read side by side keep together. */
  async #readMingled(
    segment: Segment,
    shard: number,
    runs: readonly Run[],
  ): Promise<readonly JournalRecord[]> {
    const end = segment.fullEnd ?? this.#log.end;
    const records: JournalRecord[] = [];
    let current: { readonly number: number; readonly block: Block } | undefined;
    for (const run of runs) {
      const number = Math.floor(run.start / blockBytes);
      const start = number * blockBytes;
      let buffer: Buffer;
      if (run.end > start + blockBytes) {
        buffer = await segment.read(run.start, run.end - run.start);
      } else {
        if (current?.number !== number) {
          current = { number, block: await this.#blocks.block(segment, number, end) };
        }
        buffer = current.block.bytes.subarray(run.start - start, run.end - start);
      }
      // Copied: a record must not keep a block alive.
      for (const record of recordsOf(segment, shard, { run, buffer: Buffer.from(buffer) })) {
        records.push(record);
      }
    }
    return records;
  }

  async readAt(shard: number, position: Position): Promise<JournalRecord> {
    const segment = this.#log.segmentAt(position);
    if (segment === undefined || position >= this.#log.endPosition) {
      throw beyondEnd(shard, position, this.#log.endPosition);
    }
    const offset = position - segment.base;
    // Mostly one read: records that are read one after the other are of about one size.
    const most = (segment.fullEnd ?? this.#log.end) - offset;
    const guessBytes = Math.min(most, recordHeaderBytes + this.#guessBytes);
    const first = await segment.read(offset, guessBytes).catch((error: unknown) => {
      // A file that has become shorter behind the record is not the record's affair.
      if (!isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
      return segment.read(offset, recordHeaderBytes);
    });
    const header = decodeRecordHeader(first, 0);
    if (header?.shard !== shard) throw segment.damage(offset, notARecord(shard));
    const { length } = header;
    const start = first.subarray(recordHeaderBytes, recordHeaderBytes + length);
    const restBytes = length - start.length;
    const bytes =
      restBytes === 0
        ? ownBytes(start)
        : Buffer.concat([start, await segment.read(offset + first.length, restBytes)], length);
    this.#guessBytes = Math.min(length + (length >> 3), guessBytesMax);
    if (segment !== this.#log.active) await this.#pool.touch(segment);
    return { position, next: position + recordHeaderBytes + length, bytes };
  }
}

/** A small record must not keep a large buffer alive. */
function ownBytes(bytes: Buffer): Uint8Array {
  return bytes.buffer.byteLength > 1.25 * bytes.length ? Uint8Array.from(bytes) : bytes;
}

function notARecord(shard: number): string {
  return `no record of shard ${shard} begins there`;
}

function planRuns(
  index: SegmentIndex,
  shard: number,
  wanted: { readonly from: number; readonly bytesMax: number },
): readonly Run[] {
  const runs: Run[] = [];
  const count = index.count(shard);
  let bytes = 0;
  for (let at = index.firstFrom(shard, wanted.from); at < count && bytes < wanted.bytesMax; at++) {
    const offset = index.offsetAt(shard, at);
    const length = index.lengthAt(shard, at);
    const end = offset + recordHeaderBytes + length;
    const run = runs.at(-1);
    if (run !== undefined && offset - run.end <= gapBytesMax && end - run.start <= runBytesMax) {
      run.end = end;
      run.offsets.push(offset);
      run.wantedBytes += length;
    } else {
      runs.push({ start: offset, end, offsets: [offset], wantedBytes: length });
    }
    bytes += length;
  }
  return runs;
}

/** The shard's records are few among those of others, which are likely to be read too. */
function areMingled(runs: readonly Run[], runsPerBlock: number): boolean {
  const [first] = runs;
  const last = runs.at(-1);
  if (first === undefined || last === undefined || runs.length < mingledRunsMin) return false;
  return last.end - first.start <= (runs.length * blockBytes) / runsPerBlock;
}

async function readRuns(
  segment: Segment,
  shard: number,
  runs: readonly Run[],
): Promise<readonly JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (let at = 0; at < runs.length; at += readsAtOnce) {
    const together = runs.slice(at, at + readsAtOnce);
    const buffers = await Promise.all(
      together.map((run) => segment.read(run.start, run.end - run.start)),
    );
    for (const [number, run] of together.entries()) {
      const buffer = buffers[number];
      if (buffer === undefined) continue;
      for (const record of recordsOf(segment, shard, { run, buffer })) records.push(record);
    }
  }
  return records;
}

function recordsOf(
  segment: Segment,
  shard: number,
  { run, buffer }: { readonly run: Run; readonly buffer: Buffer },
): readonly JournalRecord[] {
  // A small record must not keep a large buffer alive.
  const copies = buffer.length > 2 * run.wantedBytes;
  return run.offsets.map((offset) => {
    const header = decodeRecordHeader(buffer, offset - run.start);
    if (header?.shard !== shard) throw segment.damage(offset, notARecord(shard));
    const start = offset - run.start + recordHeaderBytes;
    const bytes = buffer.subarray(start, start + header.length);
    const position = segment.base + offset;
    const next = position + recordHeaderBytes + header.length;
    return { position, next, bytes: copies ? Uint8Array.from(bytes) : bytes };
  });
}
