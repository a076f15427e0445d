/**
 * How one attempt stands with its run: whose word on it counts, and what it may still do. Questions only, nothing is
 * decided here. Pure.
 */
import type { AttemptGrant, ResumeAnswer } from "../workers/index.ts";
import { jobDefinitionNamed } from "./run-plan.ts";
import { isEnded, isWithWorker, type JobState, jobNamed, type Run } from "./run-state.ts";
import { cachesOf, inputsOf } from "./run-values.ts";

export interface Report {
  readonly job: string;
  readonly attempt: number;
  readonly workerId: string;
}

export interface Refusal {
  readonly code:
    | "no-run"
    | "run-ended"
    | "unknown-job"
    | "job-ended"
    | "older-attempt"
    | "newer-attempt"
    | "not-assigned"
    | "other-worker"
    | "too-many-files";
  /** One plain sentence. */
  readonly reason: string;
}

/** Was the result of this attempt taken in before? Attempts that were given up never are. */
export function isRecorded(job: JobState, attempt: number): boolean {
  if (job.status === "waiting" || job.lost.includes(attempt)) return false;
  if (attempt < job.attempt) return attempt >= 1;
  if (attempt > job.attempt) return false;
  return job.status === "retrying" || (isEnded(job) && !job.withdrawn);
}

/** Why a report on this attempt counts for nothing; undefined = it is the one that is with this worker. */
export function refusalOf(job: JobState, report: Report): Refusal | undefined {
  const { attempt, workerId } = report;
  const current = job.status === "waiting" ? 0 : job.attempt;
  if (attempt < current) {
    return refusal("older-attempt", `attempt ${attempt} was given up; attempt ${current} counts`);
  }
  if (attempt > current) return refusal("newer-attempt", `there is no attempt ${attempt} yet`);
  if (isEnded(job)) return refusal("job-ended", `the job has already ended (${job.status})`);
  if (!isWithWorker(job)) return refusal("not-assigned", `attempt ${attempt} is with no worker`);
  if (job.workerId !== workerId) {
    return refusal("other-worker", `attempt ${attempt} is with another worker, ${job.workerId}`);
  }
  return undefined;
}

/** What this attempt may do with what is stored; undefined = it is not with this worker. */
export function grantOf(run: Run, report: Report): AttemptGrant | undefined {
  const job = jobNamed(run, report.job);
  if (job === undefined || refusalOf(job, report) !== undefined) return undefined;
  const definition = jobDefinitionNamed(run.definition, report.job);
  return {
    given: inputsOf(run, definition),
    pipeline: run.definition.name,
    caches: cachesOf(run, definition.caches ?? []),
  };
}

/** What becomes of an attempt that an agent still holds after it was away. */
export function resumeVerdict(run: Run, report: Report): ResumeAnswer {
  const job = jobNamed(run, report.job);
  if (job === undefined) return { verdict: "disown", reason: "there is no such job" };
  const refused = refusalOf(job, report);
  if (refused !== undefined) return { verdict: "disown", reason: refused.reason };
  if (!isStopping(run, report.job)) return { verdict: "go-on" };
  const { killGraceMs } = jobDefinitionNamed(run.definition, report.job);
  return { verdict: "cancel", reason: stopReason(run, report.job), graceMs: killGraceMs };
}

/** Has the run asked for this job to be stopped? Finally jobs run on, unless forced. */
export function isStopping(run: Run, name: string): boolean {
  if (run.stoppedJobs?.[name] !== undefined) return true;
  if (run.stop === undefined) return false;
  return run.stop.force || !jobDefinitionNamed(run.definition, name).finally;
}

export function stopReason(run: Run, name: string): string {
  return run.stoppedJobs?.[name] ?? run.stop?.reason ?? "";
}

export function refusal(code: Refusal["code"], reason: string): Refusal {
  return { code, reason };
}
