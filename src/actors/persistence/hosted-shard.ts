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
import type { Commit, Seat, ShardLog, ShardLogs, StagedEvent } from "./shard-log.ts";

/** Few enough that what was read for the last of them has not pushed out what was read for the first. */
const warmedAtOnce = 32;

/** Someone who waits for the log. */
export interface Confirmable {
  /** Reads a little of all that `confirmed` will touch; the number means nothing. */
  warm(): number;
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
  /** Where what is read for no other reason goes, so that no compiler leaves the reading out. */
  warmed = 0;

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

  /** @throws what `ShardLog.commit` throws; nothing was taken then. */
  commit(waiting: Confirmable, entity: string | Seat, events: readonly StagedEvent[]): Commit {
    const log = this.#log;
    if (log === undefined) throw this.notServing("its log is being opened");
    const commit = log.commit(entity, events);
    const { confirmed } = commit;
    if (confirmed === this.#frame) {
      this.#inFrame.push(waiting);
      return commit;
    }
    const inFrame = [waiting];
    this.#frame = confirmed;
    this.#inFrame = inFrame;
    this.#settle(confirmed, inFrame, () => {
      // Not to hold on to what has been answered until the next frame.
      if (this.#inFrame === inFrame) this.#inFrame = [];
    });
    return commit;
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
    this.#settle(log.barrier(), reads);
  }

  /** `waiting` may still grow until `frame` settles. */
  #settle(
    frame: Promise<void>,
    waiting: readonly Confirmable[],
    settled: () => void = () => {},
  ): void {
    frame.then(
      () => {
        settled();
        for (let at = 0; at < waiting.length; at += warmedAtOnce) this.#confirm(waiting, at);
      },
      (error: unknown) => {
        settled();
        for (const each of waiting) each.lost(error);
      },
    );
  }

  /** All that are confirmed at once are read first, for the reason that stands in `entity-runner.ts`. */
  #confirm(waiting: readonly Confirmable[], from: number): void {
    const end = Math.min(waiting.length, from + warmedAtOnce);
    let warmed = 0;
    for (let at = from; at < end; at++) warmed += (waiting[at] as Confirmable).warm();
    this.warmed = warmed;
    for (let at = from; at < end; at++) (waiting[at] as Confirmable).confirmed();
  }

  notServing(reason: string, cause?: unknown): TroupeError {
    return new TroupeError("TROUPE_SHARD_NOT_SERVING", { shard: this.number, reason }, { cause });
  }
}
