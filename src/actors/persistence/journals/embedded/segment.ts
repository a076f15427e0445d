/**
 * One file of the log. Its name is the position of its first byte. Only the last segment grows;
 * a full one is known by its summary, and its index is read again when a shard wants it.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { TroupeError } from "../../../kernel/index.ts";
import type { Position } from "../../journal.ts";
import { batchHeaderBytes, decodeBatchHeader, eachRecord, recordHeaderBytes } from "./batch.ts";
import type { FileSystem, LogFile } from "./file-system.ts";
import { type ScannedBatch, scanSegment } from "./scan.ts";
import { SegmentIndex } from "./segment-index.ts";
import {
  mergeMarks,
  rollBytes,
  rollCompleteTo,
  SegmentSummary,
  shardsTold,
} from "./segment-summary.ts";

const extension = ".log";
const digits = 16;

export function segmentName(base: Position): string {
  return `${String(base).padStart(digits, "0")}${extension}`;
}

/** The base that a file's name tells; undefined for any other file. */
export function segmentBase(name: string): Position | undefined {
  if (!name.endsWith(extension) || name.length !== digits + extension.length) return undefined;
  const base = name.slice(0, digits);
  return /^\d+$/.test(base) ? Number(base) : undefined;
}

/** What all segments of a journal have in common. */
export interface SegmentPlace {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly journalId: string;
  readonly shards: number;
}

export class Segment {
  readonly base: Position;
  readonly path: string;
  readonly #place: SegmentPlace;
  summary: SegmentSummary;
  /** The greatest batch number in the segments before this one; a scan of it starts from there. */
  numberMaxBefore = 0;
  #fullEnd: number | undefined;
  #index: SegmentIndex | undefined;
  #indexLoading: Promise<SegmentIndex> | undefined;
  #file: Promise<LogFile> | undefined;
  #readers = 0;
  #retired = false;

  constructor(place: SegmentPlace, base: Position) {
    this.#place = place;
    this.base = base;
    this.path = join(place.directory, segmentName(base));
    this.summary = new SegmentSummary(place.shards);
  }

  /** The segment grows from now on: its index is kept up as records are added. */
  startIndex(): void {
    this.#index = new SegmentIndex();
  }

  /** A record that was found or written at the end; only after `startIndex`. */
  add(shard: number, offset: number, length: number): void {
    this.#index?.add(shard, offset, length);
    this.summary.add(shard, offset, offset + recordHeaderBytes + length);
  }

  /** Nothing is added any more: the next segment begins where this one has its offset `end`. */
  seal(end: number): void {
    this.#fullEnd = end;
    this.#index?.trim();
  }

  /** Where the roll of a full segment ends; undefined of the one that grows. */
  get fullEnd(): number | undefined {
    return this.#fullEnd;
  }

  get indexBytes(): number {
    return this.#index?.bytes ?? 0;
  }

  /** Lets the memory of a full segment's index go; the next reader loads it again. */
  dropIndex(): void {
    this.#index = undefined;
  }

  get isOpen(): boolean {
    return this.#file !== undefined;
  }

  get isBusy(): boolean {
    return this.#readers > 0;
  }

  async size(): Promise<number> {
    return this.withFile((file) => file.size());
  }

  /** Fills a new buffer; fails with `TROUPE_JOURNAL_CORRUPT` when the file ends before. */
  async read(offset: number, bytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafeSlow(bytes);
    const filled = await this.withFile((file) => file.read(buffer, offset));
    if (filled < bytes) throw this.damage(offset + filled, "the file ends there");
    return buffer;
  }

  async withFile<Result>(use: (file: LogFile) => Promise<Result>): Promise<Result> {
    this.#readers++;
    try {
      this.#file ??= this.#place.fileSystem.open(this.path, "read");
      return await use(await this.#opened(this.#file));
    } finally {
      this.#readers--;
      if (this.#retired && this.#readers === 0) await this.closeFile();
    }
  }

  async #opened(file: Promise<LogFile>): Promise<LogFile> {
    try {
      return await file;
    } catch (error) {
      if (this.#file === file) this.#file = undefined;
      throw error;
    }
  }

  /** Never while `isBusy`. */
  async closeFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await (await file)?.close();
  }

  /** Closes the file as soon as nobody reads from it. */
  async retire(): Promise<void> {
    this.#retired = true;
    if (this.#readers === 0) await this.closeFile();
  }

  /** The index; of a full segment it is read from the file, checksums and all. */
  index(): Promise<SegmentIndex> {
    if (this.#index !== undefined) return Promise.resolve(this.#index);
    this.#indexLoading ??= this.#loadIndex().finally(() => {
      this.#indexLoading = undefined;
    });
    return this.#indexLoading;
  }

  async #loadIndex(): Promise<SegmentIndex> {
    const index = new SegmentIndex();
    const size = await this.size();
    const range = { from: 0, to: size, numberMax: this.numberMaxBefore };
    const { rolled } = await this.scan(range, (batch) =>
      this.eachRecordOf(batch, (shard, offset, length) => index.add(shard, offset, length)),
    );
    if (!rolled) throw this.damage(size, "the batch that leads to the next segment is missing");
    index.trim();
    this.#index = index;
    return index;
  }

  scan(
    range: { readonly from: number; readonly to: number; readonly numberMax: number },
    onBatch: (batch: ScannedBatch) => void,
  ): ReturnType<typeof scanSegment> {
    const { base, path } = this;
    const { journalId } = this.#place;
    return this.withFile((file) => scanSegment({ file, path, base, journalId, ...range, onBatch }));
  }

  /** Calls back with the offset in the file of each record of a `data` batch. */
  eachRecordOf(
    { header, offset, body }: ScannedBatch,
    onRecord: (shard: number, offset: number, length: number) => void,
  ): void {
    if (header.kind !== "data") return;
    const start = offset + batchHeaderBytes;
    const whole = eachRecord(body, header.records, (shard, inBody, length) => {
      if (shard >= this.#place.shards)
        throw this.damage(start + inBody, `no shard ${shard} exists`);
      onRecord(shard, start + inBody, length);
    });
    if (!whole) throw this.damage(offset, "the batch is not made of whole records");
  }

  /** Raises the marks to those of a `cut` or `roll` batch; of no effect with any other. */
  mergeMarksOf({ header, offset, body }: ScannedBatch, lows: Float64Array): void {
    const { kind } = header;
    if (kind !== "cut" && kind !== "roll") return;
    const told = shardsTold(kind, body);
    const { shards } = this.#place;
    if (told !== shards) {
      const problem = `the summary there tells of ${told} shards, and journal.json says ${shards}`;
      throw this.damage(offset, problem);
    }
    mergeMarks(body, lows);
  }

  /** The body and number of a roll batch that ends at `end` and is complete; else undefined. */
  async rollBefore(end: number): Promise<{ body: Buffer; number: number } | undefined> {
    const bodyBytes = rollBytes(this.#place.shards);
    const from = end - bodyBytes - batchHeaderBytes;
    if (from < 0 || (await this.size()) < end) return undefined;
    const bytes = await this.read(from, end - from);
    const header = decodeBatchHeader(bytes, 0, this.#place.journalId);
    const body = bytes.subarray(batchHeaderBytes);
    if (header?.kind !== "roll" || header.bodyBytes !== bodyBytes) return undefined;
    if (crc32(body) !== header.bodyCrc || rollCompleteTo(body) !== from) return undefined;
    return { body, number: header.number };
  }

  damage(offset: number, problem: string): TroupeError {
    return new TroupeError("TROUPE_JOURNAL_CORRUPT", {
      where: `${this.path}, byte ${offset} (position ${this.base + offset})`,
      problem,
    });
  }
}
