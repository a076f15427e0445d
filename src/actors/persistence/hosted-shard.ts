/**
 * One shard as its entities see it: opens its log on first use, and turns the log's promises into
 * one callback per frame.
 *
 * Invariants:
 *  H1. Turns of one shard are told of their confirmation in the order of the log.
 *  H2. A read is answered only after a frame that was sent after it ran: the barrier is asked for
 *      once all reads of this round of the event loop have run.
 */
import { TroupeError } from "../kernel/index.ts";
import type { ShardLog, ShardLogs, StagedEvent } from "./shard-log.ts";

/** Someone who waits for the log. */
export interface Confirmable {
  confirmed(): void;
  lost(error: unknown): void;
}

export class HostedShard {
  readonly number: number;
  readonly #logs: ShardLogs;
  readonly #opened: (log: ShardLog) => void;
  #log: ShardLog | undefined;
  #opening: Promise<ShardLog> | undefined;
  #frame: Promise<void> | undefined;
  #inFrame: Confirmable[] = [];
  #reads: Confirmable[] = [];

  constructor(number: number, logs: ShardLogs, opened: (log: ShardLog) => void) {
    this.number = number;
    this.#logs = logs;
    this.#opened = opened;
  }

  /** The serving log, if there is one now. */
  get log(): ShardLog | undefined {
    return this.#log?.isServing === true ? this.#log : undefined;
  }

  /** Claims and recovers the shard where need be. */
  open(): Promise<ShardLog> {
    const { log } = this;
    return log === undefined ? this.reopen() : Promise.resolve(log);
  }

  /** Asks the logs again: after a lost commit the log known here may not be the serving one. */
  reopen(): Promise<ShardLog> {
    this.#opening ??= this.#logs.open(this.number).then(
      (log) => {
        this.#opening = undefined;
        if (log !== this.#log) {
          this.#log = log;
          this.#opened(log);
        }
        return log;
      },
      (error: unknown) => {
        this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  /** The claim is lost, or in doubt: the next use opens the shard again. */
  close(): void {
    this.#log = undefined;
  }

  /** Returns the number of the first event. @throws what `ShardLog.commit` throws; nothing was taken then. */
  commit(waiting: Confirmable, persistenceId: string, events: readonly StagedEvent[]): number {
    const log = this.#log;
    if (log === undefined) throw this.notServing("its log is being opened");
    const { confirmed, firstSequenceNumber } = log.commit(persistenceId, events);
    if (confirmed === this.#frame) {
      this.#inFrame.push(waiting);
      return firstSequenceNumber;
    }
    const inFrame = [waiting];
    this.#frame = confirmed;
    this.#inFrame = inFrame;
    settle(confirmed, inFrame, () => {
      // Not to hold on to what has been answered until the next frame.
      if (this.#inFrame === inFrame) this.#inFrame = [];
    });
    return firstSequenceNumber;
  }

  /** Answers when everything that the reader can have seen is in the log, and this is still the owner. */
  read(waiting: Confirmable): void {
    this.#reads.push(waiting);
    if (this.#reads.length === 1) queueMicrotask(() => this.#sendBarrier());
  }

  #sendBarrier(): void {
    const reads = this.#reads;
    this.#reads = [];
    const log = this.#log;
    if (log === undefined) {
      const error = this.notServing("its log was closed");
      for (const waiting of reads) waiting.lost(error);
      return;
    }
    settle(log.barrier(), reads);
  }

  notServing(reason: string, cause?: unknown): TroupeError {
    return new TroupeError("TROUPE_SHARD_NOT_SERVING", { shard: this.number, reason }, { cause });
  }
}

/** `waiting` may still grow until `frame` settles. */
function settle(
  frame: Promise<void>,
  waiting: readonly Confirmable[],
  settled: () => void = () => {},
): void {
  frame.then(
    () => {
      settled();
      for (const each of waiting) each.confirmed();
    },
    (error: unknown) => {
      settled();
      for (const each of waiting) each.lost(error);
    },
  );
}
