/** One reader of one attempt's log: what is stored, then, if it follows, what comes until the end. */
import type { ReadLogRequest, ReadLogResponse } from "../../proto/troupe/control/v1/control.ts";
import { TroupeError } from "../actors/kernel/index.ts";
import type { AttemptKey, LogPiece, LogStore } from "../actors/logs/index.ts";
import type { JobView, Runs, RunView } from "../actors/pipelines/index.ts";
import { tailAttempt, timesOfPiece } from "./attempt-log.ts";
import { attemptIsOver, jobHasEnded } from "./attempt-phase.ts";
import { bufferOver } from "./buffer-over.ts";
import { LineSearch } from "./line-search.ts";
import type { RetentionMarks } from "./retention-marks.ts";
import type { StreamOutput } from "./stream-output.ts";

/**
 * `attempt` 0 is the newest one; a follower of a job that has not begun waits for its first.
 * Throws `TROUPE_RUN_NOT_FOUND`, `TROUPE_JOB_NOT_FOUND`, `TROUPE_REQUEST_INVALID`.
 */
export async function readLog(
  services: LogReadingServices & { readonly runs: Runs },
  request: ReadLogRequest,
  output: StreamOutput<ReadLogResponse>,
): Promise<void> {
  const { runId, follow } = request;
  const run = await services.runs.view(runId);
  if (run === undefined) throw new TroupeError("TROUPE_RUN_NOT_FOUND", { run: runId });
  const job = jobOf(run, request.job);
  checkAttempt("readLog", request.attempt, job);
  const phase = new AttemptWatch(request.attempt, job, output.signal);
  const watching = follow ? phase.observe(services.runs, request) : phase.stop();
  // Its failure is thrown below; until then it must not count as unhandled.
  watching.catch(() => {});
  try {
    const attempt = await phase.begun;
    if (attempt === 0) return;
    const key = { runId, job: job.name, attempt };
    if (attemptIsOver(job, attempt)) await checkKept(services, run, key);
    const { offset } = request;
    const tail = tailAttempt(services.logs, key, {
      offset,
      over: phase.over,
      signal: output.signal,
    });
    const search = request.search === undefined ? undefined : new LineSearch(request.search);
    const cursor = request.times === true ? services.logs.times(key) : undefined;
    const send = async (piece: LogPiece): Promise<void> => {
      const data = bufferOver(piece.data);
      const times = await timesOfPiece(cursor, piece);
      await output.send({ offset: piece.offset, data, attempt, times });
    };
    let end = offset;
    for await (const piece of tail) {
      end = piece.offset + piece.data.byteLength;
      for (const found of search === undefined ? [piece] : search.push(piece)) await send(found);
    }
    for (const found of search?.end(end) ?? []) await send(found);
  } finally {
    await phase.stop();
    await watching;
  }
}

export interface LogReadingServices {
  readonly logs: LogStore;
  readonly marks: Pick<RetentionMarks, "check">;
}

/** Throws `TROUPE_GONE_BY_RETENTION`. A log that never had a byte is told from one that is gone by its run's age only. */
export async function checkKept(
  { logs, marks }: LogReadingServices,
  { summary }: RunView,
  key: AttemptKey,
): Promise<void> {
  if ((await logs.end(key)) > 0) return;
  marks.check("logs", { run: summary, name: `log of job ${key.job}` });
}

/** Knows of one attempt when it has begun and when it is over, from the changes of its run. */
class AttemptWatch {
  /** The attempt that is read; 0 = there will be none. */
  readonly begun: Promise<number>;
  readonly #over = new AbortController();
  readonly #leaving = new AbortController();
  readonly #signal: AbortSignal;
  #attempt: number;
  #begin: (attempt: number) => void = () => {};

  constructor(asked: number, job: JobView, signal: AbortSignal) {
    this.#signal = AbortSignal.any([signal, this.#leaving.signal]);
    this.#attempt = asked || job.attempt;
    this.begun = new Promise((resolve) => (this.#begin = resolve));
    this.#see(job);
  }

  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** Follows the run until the attempt is over. */
  async observe(runs: Runs, { runId, job }: ReadLogRequest): Promise<void> {
    try {
      for await (const change of runs.watch(runId, { signal: this.#signal })) {
        if (change.kind === "snapshot") this.#see(jobOf(change.run, job));
        if (change.kind === "job" && change.job.name === job) this.#see(change.job);
        if (this.over.aborted) break;
      }
    } finally {
      await this.stop();
    }
  }

  async stop(): Promise<void> {
    this.#leaving.abort();
    this.#over.abort();
    this.#begin(this.#attempt);
  }

  #see(job: JobView): void {
    if (this.#attempt === 0) this.#attempt = job.attempt;
    if (this.#attempt > 0) this.#begin(this.#attempt);
    if (attemptIsOver(job, this.#attempt) && (this.#attempt > 0 || jobHasEnded(job))) {
      this.#over.abort();
      this.#begin(this.#attempt);
    }
  }
}

export function jobOf(run: RunView, name: string): JobView {
  const job = run.jobs.find((each) => each.name === name);
  if (job !== undefined) return job;
  const known = run.jobs.map((each) => each.name);
  throw new TroupeError("TROUPE_JOB_NOT_FOUND", { run: run.summary.runId, job: name, known });
}

/** Throws `TROUPE_REQUEST_INVALID` for an attempt that has never been. */
export function checkAttempt(request: string, attempt: number, job: JobView): void {
  if (attempt <= job.attempt) return;
  const problem = `${job.name} has had ${job.attempt} attempts, number ${attempt} is not among them`;
  throw new TroupeError("TROUPE_REQUEST_INVALID", { request, problem });
}
