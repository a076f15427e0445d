/**
 * Brings batches to the end of the log and says what became of each. Decides nothing by itself
 * about repeating one.
 *
 * W1. Bytes once written are never changed or cut off: another process may be writing just there.
 *     What a failed write leaves behind is stepped over by every reader (`scan.ts`).
 * W2. One batch in flight. Landed = on the device, with all that counts before it, and found to count at a known
 *     position: where the file's size shows that nobody wrote in between, else by reading what came. An append
 *     brings only its own bytes to the device; where others have written, a sync of the file brings theirs.
 * W3. Any error of a write or a sync ends the use of its descriptor. A repeated sync proves
 *     nothing: the kernel forgets the pages it failed to bring to the device. So before anything
 *     is built upon them, the batches that are not proven to be there are written over themselves
 *     and synced; if one has vanished from the file, the log is read afresh.
 * W4. `refused` is said only of a batch that certainly does not count and never will: nothing of
 *     it was written, or less than all of it. Everything else that went wrong is `uncertain`, also a
 *     batch that lacks nothing but zeros: a page that is lost behind it would read as those.
 * W5. The next segment's file is made only after all of this one is synced.
 */
import { join } from "node:path";
import { isTroupeError, type Logger, reasonOf, TroupeError } from "../../../kernel/index.ts";
import type { Position } from "../../journal.ts";
import { type BatchHeader, batchHeaderBytes, encodeBatchHeader } from "./batch.ts";
import { type Batch, plainBatch } from "./batch-buffer.ts";
import { errorCode, type FileSystem, type LogFile } from "./file-system.ts";
import type { FoundBatch, Log } from "./log.ts";
import { type Segment, segmentName } from "./segment.ts";
import { encodeRoll } from "./segment-summary.ts";

export type WriteOutcome =
  | {
      readonly outcome: "landed";
      readonly position: Position;
      /** Where each record's shard ended before it, in the order of the records. */
      readonly endsBefore: readonly Position[];
    }
  | { readonly outcome: "refused" | "uncertain"; readonly cause: unknown };

/** The batch landed behind a roll of another process: certainly void, to be written again. */
type OneOutcome = WriteOutcome | { readonly outcome: "void" };

export interface LogWriterOptions {
  readonly fileSystem: FileSystem;
  readonly directory: string;
  readonly journalId: string;
  readonly session: string;
  readonly segmentBytes: number;
  readonly logger: Logger;
}

/** Room that must be free beside the batch before a full disk is tried again. */
const reserveBytes = 1024 * 1024;
/** Openings of the file that find something vanished before it is given up. */
const opensMax = 3;
/** Rolls of other processes that one batch goes after. */
const voidsMax = 8;

interface ActiveFile {
  readonly file: LogFile;
  readonly segment: Segment;
}

export class LogWriter {
  readonly #options: LogWriterOptions;
  readonly #log: Log;
  #active: ActiveFile | undefined;
  #number = 0;
  #isFull = false;
  /** Batches have landed since the last seal. */
  #unsealed = false;

  constructor(log: Log, options: LogWriterOptions) {
    this.#log = log;
    this.#options = options;
  }

  /** The disk had no room at the last attempt. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Makes ready to write; fails when the file cannot be opened for it. */
  async open(): Promise<void> {
    await this.#openActive();
  }

  async write(batch: Batch): Promise<WriteOutcome> {
    for (let voids = 0; voids < voidsMax; voids++) {
      try {
        await this.#prepare(batchHeaderBytes + batch.bodyBytes);
      } catch (cause) {
        await this.#abandonFile();
        return { outcome: "refused", cause: this.#named(cause, "prepare a write") };
      }
      const result = await this.#writeOnce(batch);
      if (result.outcome !== "void") return result;
    }
    const cause = this.#unavailable(
      "write",
      `other processes filled ${voidsMax} segments meanwhile`,
    );
    return { outcome: "refused", cause };
  }

  /** Vouches for the last batch, so that damage to it is told from a write that never finished. */
  async close(): Promise<void> {
    if (this.#unsealed && this.#active !== undefined && !this.#isFull) {
      const sealed = await this.write(plainBatch("seal", new Uint8Array()));
      if (sealed.outcome !== "landed") {
        this.#options.logger.warn("journal: closed without a seal", { cause: sealed.cause });
      }
    }
    await this.#abandonFile();
  }

  async #prepare(bytes: number): Promise<void> {
    if (this.#isFull) await this.#checkRoom(bytes);
    if (this.#active === undefined) await this.#openActive();
    await this.#enterActive();
    if (this.#log.end < this.#options.segmentBytes) return;
    const { lows, active, size } = this.#log;
    const body = encodeRoll(lows, active.summary, size);
    const rolled = await this.#writeOnce(plainBatch("roll", body));
    if (rolled.outcome === "refused" || rolled.outcome === "uncertain") throw rolled.cause;
    await this.#enterActive();
  }

  async #checkRoom(bytes: number): Promise<void> {
    const { fileSystem, directory, logger } = this.#options;
    const freeBytes = await fileSystem.freeBytes(directory);
    if (freeBytes < bytes + reserveBytes) {
      throw this.#full(`${freeBytes} bytes are free, ${bytes + reserveBytes} are needed`);
    }
    this.#isFull = false;
    logger.info("journal: there is room again", { directory, freeBytes });
  }

  async #openActive(): Promise<void> {
    const { fileSystem, directory, logger } = this.#options;
    for (let attempt = 1; ; attempt++) {
      await this.#log.refresh();
      const segment = this.#log.active;
      const file = await fileSystem.open(segment.path, "append");
      try {
        // Whoever made the file may have died, or failed, before its name was stored.
        await fileSystem.syncDirectory(directory);
        if (await this.#secure(segment)) {
          await this.#abandonFile();
          this.#active = { file, segment };
          return;
        }
      } catch (error) {
        await file.close();
        throw error;
      }
      await file.close();
      logger.warn("journal: an unconfirmed write has vanished from the file", {
        path: segment.path,
      });
      if (attempt === opensMax) throw new Error("batches vanish from the file again and again");
      await this.#log.reload();
    }
  }

  /** W3: from here on all batches that count are on the device; false if one has vanished. */
  async #secure(segment: Segment): Promise<boolean> {
    const log = this.#log;
    if (log.unproven.length === 0) return true;
    const end = log.endPosition;
    const file = await this.#options.fileSystem.open(segment.path, "rewrite");
    try {
      for (const { offset, bytes } of log.unproven) {
        const present = await segment.read(offset, bytes.length);
        if (!present.equals(bytes)) return false;
        const taken = await file.rewrite(bytes, offset);
        if (taken < bytes.length)
          throw new Error(`only ${taken} of ${bytes.length} bytes were taken`);
      }
      await file.sync();
    } finally {
      await file.close();
    }
    log.proven(end);
    return true;
  }

  /** Goes to the segment that grows, which is made here if a roll leads to one that is missing. */
  async #enterActive(): Promise<void> {
    const { fileSystem, directory } = this.#options;
    for (;;) {
      if (this.#active?.segment !== this.#log.active) await this.#openActive();
      if (!this.#log.rolled) return;
      const end = this.#log.endPosition;
      await this.#active?.file.syncData();
      this.#log.proven(end);
      const next = await fileSystem.open(join(directory, segmentName(end)), "append");
      try {
        await next.sync();
      } finally {
        await next.close();
      }
      await this.#log.refresh();
    }
  }

  async #writeOnce(batch: Batch): Promise<OneOutcome> {
    const active = this.#active;
    if (active === undefined) throw new Error("a batch was written before the file was opened");
    const expected = this.#log.size;
    const header = this.#headerOf(batch);
    const head = encodeBatchHeader(this.#options.journalId, header);
    const bytes = head.byteLength + batch.bodyBytes;
    let taken: number;
    try {
      taken = await active.file.append([head, ...batch.bodyParts]);
    } catch (error) {
      return this.#appendFailed(active, expected, error);
    }
    if (taken < bytes) {
      const cause = this.#full(`${taken} of ${bytes} bytes were taken`);
      await this.#abandonFile();
      const lacking = Buffer.concat([head, ...batch.bodyParts]).subarray(taken);
      return { outcome: lacking.some((byte) => byte !== 0) ? "refused" : "uncertain", cause };
    }
    let alone: boolean;
    try {
      alone = (await active.file.size()) === expected + bytes;
      if (!alone || this.#log.unproven.length > 0) await active.file.syncData();
    } catch (error) {
      return this.#uncertain("sync", error);
    }
    return this.#settle(batch, header, alone);
  }

  #headerOf(batch: Batch): BatchHeader {
    this.#number = Math.max(this.#number, this.#log.numberMax) + 1;
    const { kind, bodyBytes, bodyCrc, records } = batch;
    const { session } = this.#options;
    const { durable } = this.#log;
    const number = this.#number;
    return { kind, session, number, durable, bodyBytes, bodyCrc, records: records.length };
  }

  async #appendFailed(
    { file }: ActiveFile,
    expected: number,
    error: unknown,
  ): Promise<WriteOutcome> {
    if (!["ENOSPC", "EDQUOT", "EFBIG"].includes(errorCode(error))) {
      return this.#uncertain("write", error);
    }
    const cause = this.#full(reasonOf(error));
    const size = await file.size().catch(() => undefined);
    await this.#abandonFile();
    return { outcome: size === expected ? "refused" : "uncertain", cause };
  }

  /** The batch is on the device; where, and does it count? */
  async #settle(batch: Batch, header: BatchHeader, alone: boolean): Promise<OneOutcome> {
    const log = this.#log;
    const segment = log.active;
    const bytes = batchHeaderBytes + batch.bodyBytes;
    this.#unsealed = batch.kind !== "seal";
    if (alone && log.end === log.size && batch.kind === "data") {
      const position = log.endPosition;
      const endsBefore = log.took(header, batch.records);
      return { outcome: "landed", position, endsBefore };
    }
    let own: FoundBatch | undefined;
    let read: "read" | "reloaded";
    try {
      read = await log.refresh((found) => {
        const { session, number } = found.header;
        if (session === header.session && number === header.number) own = found;
      });
    } catch (error) {
      return this.#uncertain("read back", error);
    }
    if (own !== undefined) {
      log.proven(own.position + bytes);
      return { outcome: "landed", position: own.position, endsBefore: own.endsBefore };
    }
    if (read === "read" && (log.rolled || log.active !== segment)) return { outcome: "void" };
    return this.#uncertain("read back", "the batch was not found where it was written");
  }

  async #uncertain(operation: string, error: unknown): Promise<WriteOutcome> {
    await this.#abandonFile();
    return { outcome: "uncertain", cause: this.#named(error, operation) };
  }

  /** What its close reports was reported before, or is void by W3. */
  async #abandonFile(): Promise<void> {
    const active = this.#active;
    this.#active = undefined;
    await active?.file.close().catch((error: unknown) => {
      this.#options.logger.debug("journal: closing a file failed", { error });
    });
  }

  #named(error: unknown, operation: string): unknown {
    if (isTroupeError(error)) return error;
    return this.#unavailable(operation, reasonOf(error), error);
  }

  #unavailable(operation: string, reason: string, cause?: unknown): TroupeError {
    const journal = this.#options.directory;
    return new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", { journal, operation, reason }, { cause });
  }

  #full(reason: string): TroupeError {
    const { directory: journal, logger } = this.#options;
    if (!this.#isFull) logger.error("journal: no room, nothing is accepted", { journal, reason });
    this.#isFull = true;
    return new TroupeError("TROUPE_JOURNAL_FULL", { journal, reason });
  }
}
