/**
 * Job logs in a folder: `<directory>/<run>/<job>.<attempt>.log`, one file per attempt, plain bytes
 * that any tool can read. Bounded in open files and in memory; a reader reads from the files, so
 * the slowest one costs the writers nothing.
 */
import { setMaxListeners } from "node:events";
import { limits } from "../kernel/index.ts";
import { DescriptorCache } from "./descriptor-cache.ts";
import { finishedLogs, hasLog, removeLog, unfinishedLogs } from "./finished-logs.ts";
import { LogFile } from "./log-file.ts";
import { logPath, timesPath } from "./log-name.ts";
import {
  checkRetention,
  expiredLogs,
  type FinishedLog,
  type LogRetention,
} from "./log-retention.ts";
import type { AttemptKey, LogPiece, LogStore } from "./log-store.ts";
import { type LogTime, LogTimesCursor } from "./log-times.ts";
import { ReaderTurns } from "./reader-turns.ts";

export interface FolderLogStoreOptions {
  /** Made when the first log is written. */
  readonly directory: string;
  /** Open files at most. Default `limits.logFilesOpenMax`; at the limit the one unused for longest is closed. */
  readonly filesOpenMax?: number;
  /** Bytes of one log that may wait to be written. Default `limits.logWaitingBytesMax`; above it `TROUPE_LOG_BEHIND`. */
  readonly waitingBytesMax?: number;
}

/** What `follow` reads at once. */
const pieceBytesMax = 64 * 1024;
/** Logs whose ends are remembered while nobody uses them; one more costs two `stat` calls. */
const idleLogsMax = 1_000;

export class FolderLogStore implements LogStore {
  readonly directory: string;
  readonly #waitingBytesMax: number;
  readonly #descriptors: DescriptorCache;
  /** In the order of last use. */
  readonly #logs = new Map<string, LogFile>();
  readonly #turns = new ReaderTurns(limits.logReadsPerRound);
  readonly #closing = new AbortController();

  constructor(options: FolderLogStoreOptions) {
    this.directory = options.directory;
    this.#waitingBytesMax = options.waitingBytesMax ?? limits.logWaitingBytesMax;
    this.#descriptors = new DescriptorCache(options.filesOpenMax ?? limits.logFilesOpenMax);
    // Every follower listens to it, and thousands are no leak.
    setMaxListeners(0, this.#closing.signal);
  }

  append(
    key: AttemptKey,
    offset: number,
    data: Uint8Array,
    times: readonly LogTime[] = [],
  ): Promise<number> {
    return this.#log(key).append(offset, data, times);
  }

  times(key: AttemptKey): LogTimesCursor {
    return new LogTimesCursor((position, bytesMax) => this.readTimes(key, position, bytesMax));
  }

  /** Records of times as they are stored; none where there is no file of them. */
  readTimes(key: AttemptKey, position: number, bytesMax: number): Promise<Uint8Array> {
    return this.#log(key).readTimes(position, bytesMax);
  }

  end(key: AttemptKey): Promise<number> {
    return this.#log(key).end();
  }

  read(key: AttemptKey, offset: number, bytesMax: number): Promise<Uint8Array> {
    return this.#log(key).read(offset, bytesMax);
  }

  seal(key: AttemptKey): Promise<void> {
    return this.#log(key).seal();
  }

  async *follow(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncGenerator<LogPiece> {
    const closing = this.#closing.signal;
    const wake = signal === undefined ? closing : AbortSignal.any([closing, signal]);
    const log = this.#log(key);
    let position = offset;
    log.hold();
    try {
      while (await log.more(position, wake)) {
        await this.#turns.take();
        const data = await log.read(position, pieceBytesMax);
        // The file was taken away while it was followed: there is nothing more to say.
        if (data.length === 0) return;
        yield { offset: position, data };
        position += data.length;
      }
    } finally {
      log.release();
    }
  }

  async *stored(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncGenerator<LogPiece> {
    const log = this.#log(key);
    let position = offset;
    log.hold();
    try {
      while (signal?.aborted !== true) {
        await this.#turns.take();
        const data = await log.read(position, pieceBytesMax);
        if (data.length === 0) return;
        yield { offset: position, data };
        position += data.length;
      }
    } finally {
      log.release();
    }
  }

  /** The file of a log, whether it is there or not. */
  pathOf(key: AttemptKey): string {
    return logPath(this.directory, key);
  }

  /** As `end`, by path. */
  endOf(path: string): Promise<number> {
    return this.#at(path).end();
  }

  /** As `read`, by path. */
  readOf(path: string, offset: number, bytesMax: number): Promise<Uint8Array> {
    return this.#at(path).read(offset, bytesMax);
  }

  /** How many bytes of times there are, by path. */
  timesBytesOf(path: string): Promise<number> {
    return this.#at(path).timesBytes();
  }

  /** As `readTimes`, by path. */
  readTimesOf(path: string, position: number, bytesMax: number): Promise<Uint8Array> {
    return this.#at(path).readTimes(position, bytesMax);
  }

  /** There is a file of this log, be it empty. */
  holds(key: AttemptKey): Promise<boolean> {
    return hasLog(this.pathOf(key));
  }

  /** The sealed logs, in no promised order. */
  finished(): Promise<FinishedLog[]> {
    return finishedLogs(this.directory);
  }

  /** The files of logs that are not sealed. */
  unfinished(): Promise<string[]> {
    return unfinishedLogs(this.directory);
  }

  /** Takes a log away for good. One that is being read ends for its reader. */
  async remove(path: string): Promise<void> {
    this.#logs.delete(path);
    await this.#descriptors.drop(path);
    await this.#descriptors.drop(timesPath(path));
    await removeLog(path);
  }

  /**
   * Deletes the sealed logs that `retention` does not keep; a log that is still written stays, whatever
   * its size. Resolves to how many went. One that is being read ends for its reader.
   */
  async expire(retention: LogRetention, nowMs: number): Promise<number> {
    checkRetention(retention);
    const expired = expiredLogs(await finishedLogs(this.directory), retention, nowMs);
    for (const { path } of expired) await this.remove(path);
    return expired.length;
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.allSettled([...this.#logs.values()].map((log) => log.written()));
    await this.#descriptors.close();
  }

  #log(key: AttemptKey): LogFile {
    return this.#at(this.pathOf(key));
  }

  #at(path: string): LogFile {
    const known = this.#logs.get(path);
    const log =
      known ??
      new LogFile({
        path,
        descriptors: this.#descriptors,
        waitingBytesMax: this.#waitingBytesMax,
      });
    if (known !== undefined) this.#logs.delete(path);
    else this.#forgetIdle();
    this.#logs.set(path, log);
    return log;
  }

  #forgetIdle(): void {
    if (this.#logs.size < idleLogsMax) return;
    for (const [path, log] of this.#logs) {
      if (!log.idle) continue;
      this.#logs.delete(path);
      return;
    }
  }
}
