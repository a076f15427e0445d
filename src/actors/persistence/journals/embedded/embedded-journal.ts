/**
 * The journal of a data folder: one log of segment files for all shards. Here stand the port's
 * calls, group commit, and the reading of single shards; what the log is, `log.ts` says, and how
 * it is written, `log-writer.ts`.
 *
 * E1. Appends that arrive while a batch is in flight make up the next one, in their order.
 * E2. Whatever moves the log on (batches, marks of cuts, looking for what others wrote) runs one at a
 *     time. Reads of what is known run beside it, and so does the removal of files that a cut has
 *     left: giving back the room of one takes longer than a batch.
 * E3. Two processes on one folder lose and double nothing: both append at the file's end, and
 *     each looks at what the other wrote before it answers for a position. Keeping the second
 *     one out is left to others; the claims above this port decide whose frames count.
 */
import { isTroupeError, reasonOf, TroupeError } from "../../../kernel/index.ts";
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalPage,
  JournalRecord,
  Position,
  ShardExtent,
} from "../../journal.ts";
import {
  closed,
  isShard,
  noSuchShard,
  openedReadOnly,
  outOfRange,
  recordTooLarge,
} from "../journal-errors.ts";
import { batchHeaderBytes } from "./batch.ts";
import { BatchBuffer, plainBatch, recordBytes } from "./batch-buffer.ts";
import { errorCode, type FileSystem } from "./file-system.ts";
import type { Log } from "./log.ts";
import type { LogWriter, WriteOutcome } from "./log-writer.ts";
import type { Segment } from "./segment.ts";
import type { SegmentPool } from "./segment-pool.ts";
import { encodeMarks } from "./segment-summary.ts";
import { ShardReader } from "./shard-reader.ts";
import { Turns } from "./turns.ts";

export interface EmbeddedJournalParts {
  readonly directory: string;
  readonly fileSystem: FileSystem;
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax: number;
  readonly batchBytesMax: number;
  readonly log: Log;
  readonly pool: SegmentPool;
  /** Absent: this process only reads. */
  readonly writer: LogWriter | undefined;
}

interface Waiting {
  readonly request: AppendRequest;
  readonly call: AppendCall;
  /** Among the requests of its call. */
  readonly index: number;
}

export class EmbeddedJournal implements Journal {
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax: number;
  readonly #parts: EmbeddedJournalParts;
  readonly #reader: ShardReader;
  readonly #turns = new Turns();
  /** Rounds of removals, one at a time too. */
  readonly #removals = new Turns();
  readonly #buffer = new BatchBuffer();
  #waiting: Waiting[] = [];
  #isPumping = false;
  readonly #cutsWanted = new Map<number, Position>();
  #isClosed = false;
  #closing: Promise<void> | undefined;

  constructor(parts: EmbeddedJournalParts) {
    this.journalId = parts.journalId;
    this.shards = parts.shards;
    this.recordBytesMax = parts.recordBytesMax;
    this.#parts = parts;
    this.#reader = new ShardReader(parts.log, parts.pool);
  }

  async tail(shard: number): Promise<ShardExtent> {
    this.#checkUsable(shard);
    await this.#lookForMore();
    const { lows, ends } = this.#parts.log;
    const low = lows[shard] ?? 0;
    return { low, end: Math.max(low, ends[shard] ?? 0) };
  }

  append(
    requests: readonly AppendRequest[],
    onResult?: (index: number, result: AppendResult) => void,
  ): Promise<readonly AppendResult[]> {
    if (requests.length === 0) return Promise.resolve([]);
    const call = new AppendCall(requests.length, onResult);
    for (let index = 0; index < requests.length; index++) {
      const request = requests[index] as AppendRequest;
      const cause = this.#reasonToRefuse(request);
      if (cause === undefined) this.#waiting.push({ request, call, index });
      else call.settle(index, { outcome: "refused", cause });
    }
    if (!this.#isPumping && this.#waiting.length > 0) {
      this.#isPumping = true;
      // Not at once: what is appended in the same turn of the event loop joins the batch.
      setImmediate(() => void this.#pump());
    }
    return call.results;
  }

  #reasonToRefuse(request: AppendRequest): TroupeError | undefined {
    if (this.#isClosed) return closed(this.#parts.directory);
    if (this.#parts.writer === undefined) return this.#readOnly();
    if (!isShard(request.shard, this.shards)) return noSuchShard(request.shard, this.shards);
    if (request.bytes.byteLength <= this.recordBytesMax) return undefined;
    return recordTooLarge(request, this.recordBytesMax);
  }

  async #pump(): Promise<void> {
    while (this.#waiting.length > 0) {
      await this.#turns.take(() => this.#commitNext());
      await new Promise(setImmediate);
    }
    this.#isPumping = false;
  }

  async #commitNext(): Promise<void> {
    const group = this.#takeGroup();
    if (group.length === 0) return;
    const requests = group.map(({ request }) => request);
    let outcome: WriteOutcome;
    try {
      outcome = await this.#writer.write(this.#buffer.dataBatch(requests));
    } catch (cause) {
      outcome = { outcome: "uncertain", cause };
    }
    if (outcome.outcome !== "landed") {
      for (const { call, index } of group) call.settle(index, outcome);
      return;
    }
    let at = outcome.position + batchHeaderBytes;
    for (let number = 0; number < group.length; number++) {
      const { request, call, index } = group[number] as Waiting;
      const next = at + recordBytes(request);
      const clean = (outcome.endsBefore[number] ?? 0) <= request.expected;
      call.settle(index, { outcome: "at", at, next, clean });
      at = next;
    }
  }

  #takeGroup(): readonly Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { request } of this.#waiting) {
      bytes += recordBytes(request);
      if (count > 0 && bytes > this.#parts.batchBytesMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  async read(shard: number, from: Position, bytesMax: number): Promise<JournalPage> {
    this.#checkReadable(shard, from);
    if (from >= (this.#parts.log.ends[shard] ?? 0)) await this.#lookForMore();
    return this.#reading(shard, from, () => this.#reader.read(shard, from, bytesMax));
  }

  async readAt(shard: number, position: Position): Promise<JournalRecord> {
    this.#checkReadable(shard, position);
    if (position >= (this.#parts.log.ends[shard] ?? 0)) await this.#lookForMore();
    return this.#reading(shard, position, () => this.#reader.readAt(shard, position));
  }

  async #reading<Result>(
    shard: number,
    from: Position,
    read: () => Promise<Result>,
  ): Promise<Result> {
    this.#checkReadable(shard, from);
    try {
      return await this.#turns.beside(read);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw this.#named(error, "read");
      // Another process has cut: its mark is in the log.
      await this.#lookForMore();
      this.#checkReadable(shard, from);
      const problem = "the file is missing, although nothing in it was cut";
      const where = `${this.#parts.directory}, position ${from} of shard ${shard}`;
      throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem }, { cause: error });
    }
  }

  async cut(shard: number, before: Position): Promise<void> {
    this.#checkUsable(shard);
    if (this.#parts.writer === undefined) throw this.#readOnly();
    this.#cutsWanted.set(shard, Math.max(before, this.#cutsWanted.get(shard) ?? 0));
    const left = await this.#turns.take(() => this.#cutWanted());
    if (left.length > 0) await this.#removals.take(() => this.#removeSegments(left));
  }

  /** Cuts that were asked for together are written together. Returns the segments that nobody needs any more. */
  async #cutWanted(): Promise<readonly Segment[]> {
    const { log } = this.#parts;
    const raised = [...this.#cutsWanted].filter(([shard, before]) => {
      const mark = Math.min(before, log.ends[shard] ?? 0);
      return mark > (log.lows[shard] ?? 0);
    });
    this.#cutsWanted.clear();
    if (raised.length === 0) return [];
    const marks = Float64Array.from(log.lows);
    for (const [shard, before] of raised) marks[shard] = Math.min(before, log.ends[shard] ?? 0);
    // The batch carries all marks, so that the segments that hold the older ones can go.
    const written = await this.#writer.write(plainBatch("cut", encodeMarks(marks)));
    if (written.outcome !== "landed") throw written.cause;
    const anothersCutCameBetween = log.lows.some((low, at) => low > (marks[at] ?? 0));
    // Decided here and not when they are removed: a mark that is seen later may not be on the device.
    return anothersCutCameBetween ? [] : log.droppable();
  }

  async #removeSegments(segments: readonly Segment[]): Promise<void> {
    const { log, fileSystem, directory } = this.#parts;
    for (const segment of segments) {
      try {
        await fileSystem.remove(segment.path);
      } catch (error) {
        if (errorCode(error) !== "ENOENT") throw this.#named(error, "remove a segment");
      }
      // After each one, oldest first: a power cut leaves no hole in the row of segments.
      await fileSystem.syncDirectory(directory);
      await log.dropped(segment);
    }
  }

  close(): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#turns.take(async () => {
      while (this.#waiting.length > 0) await this.#commitNext();
      await this.#parts.writer?.close();
    });
    await this.#removals.take(async () => undefined);
    await this.#turns.idle();
    await this.#parts.log.close();
  }

  get #writer(): LogWriter {
    const { writer } = this.#parts;
    if (writer === undefined) throw this.#readOnly();
    return writer;
  }

  #named(error: unknown, operation: string): unknown {
    if (isTroupeError(error)) return error;
    const details = { journal: this.#parts.directory, operation, reason: reasonOf(error) };
    return new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: error });
  }

  async #lookForMore(): Promise<void> {
    try {
      await this.#turns.take(() => this.#parts.log.refresh());
    } catch (error) {
      throw this.#named(error, "read");
    }
  }

  #checkUsable(shard: number): void {
    if (this.#isClosed) throw closed(this.#parts.directory);
    if (!isShard(shard, this.shards)) throw noSuchShard(shard, this.shards);
  }

  #checkReadable(shard: number, position: Position): void {
    this.#checkUsable(shard);
    const first = this.#parts.log.lows[shard] ?? 0;
    if (position < first) throw outOfRange(shard, position, first);
  }

  #readOnly(): TroupeError {
    return openedReadOnly(this.#parts.directory);
  }
}

/** One call of `append`: the results of its records, which may stand in several batches. */
class AppendCall {
  readonly results: Promise<readonly AppendResult[]>;
  readonly #settled: AppendResult[] = [];
  readonly #onResult: ((index: number, result: AppendResult) => void) | undefined;
  #left: number;
  #resolve: (results: readonly AppendResult[]) => void = () => {};

  constructor(records: number, onResult?: (index: number, result: AppendResult) => void) {
    this.#left = records;
    this.#onResult = onResult;
    this.results = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  /** Once for each record. */
  settle(index: number, result: AppendResult): void {
    this.#settled[index] = result;
    this.#left -= 1;
    this.#onResult?.(index, result);
    if (this.#left === 0) this.#resolve(this.#settled);
  }
}
