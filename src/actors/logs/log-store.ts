/**
 * The log port: raw bytes of a job attempt, by offset. A log is written by one session at a time,
 * read by anyone, and only grows.
 */
import type { LogTime, LogTimesCursor } from "./log-times.ts";

export interface AttemptKey {
  readonly runId: string;
  readonly job: string;
  readonly attempt: number;
}

export interface LogPiece {
  readonly offset: number;
  readonly data: Uint8Array;
}

export interface LogStore {
  /**
   * Stores bytes from `offset`. What overlaps bytes already stored is ignored; a hole is refused
   * (`TROUPE_LOG_GAP`). Returns the log's new end: everything below it survives a crash of this process.
   * The store keeps `data` for those who follow; it must not be changed any more. `times`: when they came, as far as
   * that is known.
   */
  append(
    key: AttemptKey,
    offset: number,
    data: Uint8Array,
    times?: readonly LogTime[],
  ): Promise<number>;
  /** The end of what is stored; 0 = nothing. */
  end(key: AttemptKey): Promise<number>;
  read(key: AttemptKey, offset: number, bytesMax: number): Promise<Uint8Array>;
  /** When the bytes of a log came. Whoever reads bytes can have their times. */
  times(key: AttemptKey): LogTimesCursor;
  /** No more bytes will come; followers end. */
  seal(key: AttemptKey): Promise<void>;
  /** Stored bytes from `offset`, then live ones until sealed. A slow reader reads from the store; it slows nobody. */
  follow(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncIterable<LogPiece>;
  /** What is stored from `offset` on, and no more. */
  stored(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncIterable<LogPiece>;
  close(): Promise<void>;
}
