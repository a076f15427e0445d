/**
 * The events of `--json`: one object a line, `type` first, times in milliseconds since 1970.
 *
 *   run      { type, runId, pipeline, status, jobs, jobsFinished, createdAtMs, finishedAtMs?, outputs? }
 *   job      { type, job, status, attempt, worker?, exitCode?, reason?, startedAtMs?, finishedAtMs?, outputs? }
 *   log      { type, job, attempt, offset, text }   text = the bytes as UTF-8, in order, unsplit
 *   end      a last `run` event with type "end": the run as it ended, with its outputs
 */
import type {
  JobView,
  RunSummary,
  RunView,
  WatchRunResponse,
} from "../../../proto/troupe/control/v1/control.ts";
import { hasEnded, jobWord, runWord } from "./job-line.ts";

export type JsonEvent = { readonly type: "run" | "job" | "log" | "end" } & Readonly<
  Record<string, unknown>
>;

export function jsonEvents(change: NonNullable<WatchRunResponse["change"]>): JsonEvent[] {
  switch (change.$case) {
    case "snapshot":
      return [runEvent(change.value.summary, change.value), ...change.value.jobs.map(jobEvent)];
    case "summary":
      return [runEvent(change.value)];
    case "job":
      return [jobEvent(change.value)];
    case "log": {
      const { job, attempt, offset, data } = change.value;
      return [{ type: "log", job, attempt, offset, text: Buffer.from(data).toString("utf8") }];
    }
  }
}

export function finalEvent(run: RunView): JsonEvent {
  return { ...runEvent(run.summary, run), type: "end" };
}

function runEvent(summary: RunSummary | undefined, run?: RunView): JsonEvent {
  if (summary === undefined) return { type: "run" };
  return {
    type: "run",
    runId: summary.runId,
    pipeline: summary.pipeline,
    status: runWord(summary.status),
    jobs: summary.jobsTotal,
    jobsFinished: summary.jobsFinished,
    createdAtMs: summary.createdAtMs,
    ...(summary.finishedAtMs > 0 ? { finishedAtMs: summary.finishedAtMs } : {}),
    ...(run !== undefined && Object.keys(run.outputs).length > 0 ? { outputs: run.outputs } : {}),
  };
}

function jobEvent(job: JobView): JsonEvent {
  return {
    type: "job",
    job: job.name,
    status: jobWord(job.status),
    attempt: job.attempt,
    ...(job.workerId === "" ? {} : { worker: job.workerId }),
    ...(hasEnded(job.status) && job.startedAtMs > 0 ? { exitCode: job.exitCode } : {}),
    ...(job.reason === "" ? {} : { reason: job.reason }),
    ...(job.startedAtMs > 0 ? { startedAtMs: job.startedAtMs } : {}),
    ...(job.finishedAtMs > 0 ? { finishedAtMs: job.finishedAtMs } : {}),
    ...(Object.keys(job.outputs).length > 0 ? { outputs: job.outputs } : {}),
  };
}
