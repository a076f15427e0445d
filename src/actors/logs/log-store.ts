/**
 * The log port: raw bytes of a job attempt, by offset. A log is written by one session at a time,
 * read by anyone, and only grows.
 */

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
   * The store keeps `data` for those who follow; it must not be changed any more.
   */
  append(key: AttemptKey, offset: number, data: Uint8Array): Promise<number>;
  /** The end of what is stored; 0 = nothing. */
  end(key: AttemptKey): Promise<number>;
  read(key: AttemptKey, offset: number, bytesMax: number): Promise<Uint8Array>;
  /** No more bytes will come; followers end. */
  seal(key: AttemptKey): Promise<void>;
  /** Stored bytes from `offset`, then live ones until sealed. A slow reader reads from the store; it slows nobody. */
  follow(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncIterable<LogPiece>;
  /** What is stored from `offset` on, and no more. */
  stored(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncIterable<LogPiece>;
  close(): Promise<void>;
}
