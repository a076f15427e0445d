/**
 * The logs that one watcher of a run reads: one tail per attempt, all into one output.
 *
 *  T1. An attempt that is under way is followed at once: there are no more of those than slots.
 *  T2. Attempts that were over before the watch began are read a few at a time.
 *  T3. The attempts of one job come one after the other, as they ran.
 *  T4. Every piece is written at the watcher's pace, and each tail holds at most one.
 */
import type { WatchRunResponse } from "../../proto/troupe/control/v1/control.ts";
import { limits } from "../actors/kernel/index.ts";
import type { AttemptKey, LogStore } from "../actors/logs/index.ts";
import type { JobView } from "../actors/pipelines/index.ts";
import { tailAttempt, timesOfPiece } from "./attempt-log.ts";
import { attemptIsOver } from "./attempt-phase.ts";
import { bufferOver } from "./buffer-over.ts";
import type { StreamOutput } from "./stream-output.ts";

interface Tail {
  readonly over: AbortController;
  readonly done: Promise<void>;
}

export interface LogTailsOptions {
  readonly runId: string;
  readonly logs: LogStore;
  /** Also say when the bytes came. */
  readonly withTimes: boolean;
}

export class LogTails {
  readonly #runId: string;
  readonly #logs: LogStore;
  readonly #withTimes: boolean;
  readonly #output: StreamOutput<WatchRunResponse>;
  readonly #leaving = new AbortController();
  readonly #signal: AbortSignal;
  /** By job: the tails of its attempts, the first one first. */
  readonly #tails = new Map<string, Tail[]>();
  readonly #replays = new Permits(limits.watchReplaysMax);

  constructor({ runId, logs, withTimes }: LogTailsOptions, output: StreamOutput<WatchRunResponse>) {
    this.#runId = runId;
    this.#logs = logs;
    this.#withTimes = withTimes;
    this.#output = output;
    this.#signal = AbortSignal.any([output.signal, this.#leaving.signal]);
  }

  /** Begins to tail every attempt of the job up to its newest, and tells the tails of those that are over. */
  follow(job: JobView): void {
    const tails = this.#tails.get(job.name) ?? [];
    this.#tails.set(job.name, tails);
    while (tails.length < job.attempt) {
      const attempt = tails.length + 1;
      const earlier = tails.at(-1)?.done ?? Promise.resolve();
      tails.push(this.#begin({ runId: this.#runId, job: job.name, attempt }, job, earlier));
    }
    for (const [index, { over }] of tails.entries()) {
      if (attemptIsOver(job, index + 1)) over.abort();
    }
  }

  /** Resolves when all is told of the job's attempts that are over. */
  async told(job: JobView): Promise<void> {
    const tails = this.#tails.get(job.name) ?? [];
    await Promise.all(tails.filter(({ over }) => over.signal.aborted).map(({ done }) => done));
  }

  /** Resolves when all is told of all attempts; nothing may be under way any more. */
  async allTold(): Promise<void> {
    const tails = [...this.#tails.values()].flat();
    for (const { over } of tails) over.abort();
    await Promise.all(tails.map(({ done }) => done));
  }

  close(): void {
    this.#leaving.abort();
  }

  #begin(key: AttemptKey, job: JobView, earlier: Promise<void>): Tail {
    const over = new AbortController();
    const work = (): Promise<void> => this.#tail(key, over.signal);
    const replayed = attemptIsOver(job, key.attempt);
    const done = earlier.then(() => (replayed ? this.#replays.with(work) : work()));
    // Whoever waits for it meets its failure; until then it must not count as unhandled.
    done.catch(() => {});
    return { over, done };
  }

  async #tail(key: AttemptKey, over: AbortSignal): Promise<void> {
    const { job, attempt } = key;
    const signal = this.#signal;
    const cursor = this.#withTimes ? this.#logs.times(key) : undefined;
    for await (const piece of tailAttempt(this.#logs, key, { offset: 0, over, signal })) {
      const times = await timesOfPiece(cursor, piece);
      const value = { job, attempt, offset: piece.offset, data: bufferOver(piece.data), times };
      await this.#output.send({ change: { $case: "log", value } });
    }
  }
}

/** At most so many at once; the others wait in their order. */
class Permits {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async with(work: () => Promise<void>): Promise<void> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}
