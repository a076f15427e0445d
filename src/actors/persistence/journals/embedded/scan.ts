/**
 * Reads the batches of a segment in order and decides what an invalid stretch is.
 *
 * S1. A batch counts iff its two checksums hold, it is of this journal, and it begins where the
 *     batch before it ended, or, after an invalid stretch, has a number above all before it.
 *     (The number keeps out a copy of an old batch that happens to lie inside of a payload.)
 * S2. An invalid stretch with nothing valid after it is the torn end, or a write that another
 *     process is making just now. The log ends before it.
 * S3. An invalid stretch before a valid batch is a write that never finished if that batch's
 *     `durable` does not reach beyond the stretch's start; it is stepped over. Otherwise the
 *     batch's writer had seen the place valid and on the device: damage, a hard error.
 * S4. Hence what counts is a function of the bytes, and bytes that follow never change it.
 */
import { crc32 } from "node:zlib";
import { TroupeError } from "../../../kernel/index.ts";
import type { Position } from "../../journal.ts";
import {
  type BatchHeader,
  batchHeaderBytes,
  decodeBatchHeader,
  findBatchMagic,
  newerVersionOf,
} from "./batch.ts";
import type { LogFile } from "./file-system.ts";

const windowBytes = 4 * 1024 * 1024;

export interface ScannedBatch {
  readonly header: BatchHeader;
  /** Of the header, within the file. */
  readonly offset: number;
  /** Valid until the callback returns. */
  readonly body: Buffer;
}

export interface ScanOptions {
  readonly file: Pick<LogFile, "read">;
  /** Named in errors. */
  readonly path: string;
  readonly base: Position;
  readonly journalId: string;
  /** Offsets within the file: from a batch's start, up to the size that the file had. */
  readonly from: number;
  readonly to: number;
  /** The greatest batch number before `from`. */
  readonly numberMax: number;
  onBatch(batch: ScannedBatch): void;
}

export interface ScanEnd {
  /** The offset after the last batch that counts. */
  readonly end: number;
  /** The last batch is a roll: what follows it in this file does not count. */
  readonly rolled: boolean;
  /** Bytes stepped over by S3. */
  readonly skippedBytes: number;
}

/** A moving view of the file, so that a scan holds a few megabytes whatever the file's size. */
class Window {
  readonly #file: Pick<LogFile, "read">;
  readonly #to: number;
  #buffer = Buffer.alloc(0);
  #start = 0;
  #length = 0;

  constructor(file: Pick<LogFile, "read">, to: number) {
    this.#file = file;
    this.#to = to;
  }

  /** `bytes` bytes at `offset`; undefined when the file ends before. Valid until the next call. */
  async at(offset: number, bytes: number): Promise<Buffer | undefined> {
    if (offset + bytes > this.#to) return undefined;
    if (offset < this.#start || offset + bytes > this.#start + this.#length) {
      await this.#load(offset, Math.min(Math.max(bytes, windowBytes), this.#to - offset));
      if (bytes > this.#length) return undefined;
    }
    return this.#buffer.subarray(offset - this.#start, offset - this.#start + bytes);
  }

  async #load(offset: number, bytes: number): Promise<void> {
    if (this.#buffer.length < bytes) this.#buffer = Buffer.allocUnsafeSlow(bytes);
    this.#start = offset;
    this.#length = 0;
    this.#length = await this.#file.read(this.#buffer.subarray(0, bytes), offset);
  }
}

async function batchAt(
  window: Window,
  offset: number,
  journalId: string,
): Promise<ScannedBatch | undefined> {
  const head = await window.at(offset, batchHeaderBytes);
  const header = head && decodeBatchHeader(head, 0, journalId);
  if (header === undefined) return undefined;
  const body = await window.at(offset + batchHeaderBytes, header.bodyBytes);
  if (body === undefined || crc32(body) !== header.bodyCrc) return undefined;
  return { header, offset, body };
}

/** The first valid batch after an invalid stretch that began just before `after.offset`. */
async function nextBatch(
  window: Window,
  options: ScanOptions,
  after: { readonly offset: number; readonly numberMax: number },
): Promise<ScannedBatch | undefined> {
  let offset = after.offset;
  while (offset + batchHeaderBytes <= options.to) {
    const stretch = await window.at(offset, Math.min(windowBytes, options.to - offset));
    if (stretch === undefined) return undefined;
    const found = findBatchHeader(stretch, options.journalId);
    if (found === -1) {
      // The rest is too short for a header: it is looked at again with what follows.
      offset += Math.max(1, stretch.length - batchHeaderBytes + 1);
      continue;
    }
    const batch = await batchAt(window, offset + found, options.journalId);
    if (batch !== undefined && batch.header.number > after.numberMax) return batch;
    offset += found + 1;
  }
  return undefined;
}

function findBatchHeader(stretch: Buffer, journalId: string): number {
  let found = findBatchMagic(stretch, 0);
  while (found !== -1 && decodeBatchHeader(stretch, found, journalId) === undefined) {
    found = findBatchMagic(stretch, found + 1);
  }
  return found;
}

/** Calls back for every batch that counts; throws `TROUPE_JOURNAL_CORRUPT` on damage (S3). */
export async function scanSegment(options: ScanOptions): Promise<ScanEnd> {
  const window = new Window(options.file, options.to);
  let { numberMax } = options;
  let end = options.from;
  let skippedBytes = 0;
  for (;;) {
    let batch = await batchAt(window, end, options.journalId);
    if (batch === undefined) {
      await refuseNewer(window, options, end);
      batch = await nextBatch(window, options, { offset: end + 1, numberMax });
      if (batch === undefined) return { end, rolled: false, skippedBytes };
      if (batch.header.durable > options.base + end) throw damage(options, end, batch.offset);
      skippedBytes += batch.offset - end;
    }
    options.onBatch(batch);
    numberMax = Math.max(numberMax, batch.header.number);
    end = batch.offset + batchHeaderBytes + batch.header.bodyBytes;
    if (batch.header.kind === "roll") return { end, rolled: true, skippedBytes };
  }
}

/** What a newer program wrote is no torn write: an older one must not go on behind it. */
async function refuseNewer(window: Window, options: ScanOptions, offset: number): Promise<void> {
  const head = await window.at(offset, batchHeaderBytes);
  const version = head && newerVersionOf(head);
  if (version === undefined) return;
  const problem = `${options.path}, byte ${offset}, was written in format version ${version}, and this program knows 1: use a newer one`;
  throw new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: options.path, problem });
}

function damage(options: ScanOptions, from: number, to: number): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_CORRUPT", {
    where: `${options.path}, byte ${from} (position ${options.base + from})`,
    problem: `the ${to - from} bytes before the next valid batch fail their checksum, although they were stored`,
  });
}
