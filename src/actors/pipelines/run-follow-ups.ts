/** What follows from a run's state alone, step by step: the lower half of the table in `run-decisions.ts`. */
import { itemAt, itemsOf } from "./chunked-list.ts";
import { neighbours } from "./graph.ts";
import { firstRank } from "./rank-set.ts";
import type { RunEvent } from "./run-events.ts";
import { applyRunEvent } from "./run-fold.ts";
import { jobDefinitionAt, planOf } from "./run-plan.ts";
import { conclusionOf, isEnded, type JobState, type Run } from "./run-state.ts";
import { runValues } from "./run-values.ts";
import { fillTemplates } from "./template.ts";

export interface FollowUps {
  readonly events: readonly RunEvent[];
  /** `eventsMax` was reached before the end. */
  readonly more: boolean;
}

export function followUps(run: Run, nowMs: number, eventsMax: number): FollowUps {
  const events: RunEvent[] = [];
  let after = run;
  for (let next = nextEvent(after, nowMs); next !== undefined; next = nextEvent(after, nowMs)) {
    if (events.length === eventsMax) return { events, more: true };
    events.push(next);
    after = applyRunEvent(after, next) as Run;
  }
  return { events, more: false };
}

/** When the run wants an `advance` even if nothing is reported: a retry, the run's timeout. */
export function wakeAtMs(run: Run): number | undefined {
  if (run.finishedAtMs !== undefined) return undefined;
  const times = [run.retries[0]?.dueAtMs, timeoutAtMs(run)].filter((at) => at !== undefined);
  return times.length === 0 ? undefined : Math.min(...times);
}

function timeoutAtMs(run: Run): number | undefined {
  const { timeoutMs } = run.definition;
  if (timeoutMs === undefined || run.ordinaryLeft === 0 || run.status !== "running") {
    return undefined;
  }
  return run.createdAtMs + timeoutMs;
}

function nextEvent(run: Run, nowMs: number): RunEvent | undefined {
  if (run.finishedAtMs !== undefined) return undefined;
  return (
    stopByTimeout(run, nowMs) ??
    stopByFailure(run, nowMs) ??
    endDoomed(run, nowMs) ??
    queueRetry(run, nowMs) ??
    queueReady(run, nowMs) ??
    finishRun(run, nowMs)
  );
}

function stopByTimeout(run: Run, nowMs: number): RunEvent | undefined {
  const atMs = timeoutAtMs(run);
  if (atMs === undefined || nowMs < atMs) return undefined;
  const reason = `the run took longer than ${run.definition.timeoutMs} ms`;
  return {
    type: "runStopRequested",
    data: { cause: "timeout", reason, force: false, atMs: nowMs },
  };
}

function stopByFailure(run: Run, atMs: number): RunEvent | undefined {
  const { definition, failedJobs, ordinaryLeft, stop } = run;
  if (!definition.failFast || failedJobs === 0 || ordinaryLeft === 0 || stop !== undefined) {
    return undefined;
  }
  const reason = `"${firstFailed(run)}" failed, and the pipeline is fail-fast`;
  return { type: "runStopRequested", data: { cause: "fail-fast", reason, force: false, atMs } };
}

function firstFailed(run: Run): string {
  let index = 0;
  for (const job of itemsOf(run.jobs)) {
    const { name, continueOnError } = jobDefinitionAt(run.definition, index++);
    if (job.status === "failed" && !continueOnError) return name;
  }
  return "";
}

function endDoomed(run: Run, atMs: number): RunEvent | undefined {
  const rank = firstRank(run.doomed);
  if (rank === undefined) return undefined;
  const index = planOf(run.definition).jobAtRank[rank] ?? 0;
  const { name } = jobDefinitionAt(run.definition, index);
  const job = itemAt(run.jobs, index);
  const badNeed = job.status === "waiting" ? findBadNeed(run, index) : undefined;
  if (badNeed !== undefined) {
    return { type: "jobSkipped", data: { job: name, reason: badNeed, atMs } };
  }
  const stopped = run.stoppedJobs?.[name];
  if (stopped !== undefined)
    return { type: "jobCancelled", data: { job: name, reason: stopped, atMs } };
  const { cause = "cancel", reason = "" } = run.stop ?? {};
  const skips = cause === "fail-fast" && job.status === "waiting";
  return { type: skips ? "jobSkipped" : "jobCancelled", data: { job: name, reason, atMs } };
}

/** A sentence on the first need that did not end well. */
function findBadNeed(run: Run, index: number): string | undefined {
  for (const need of neighbours(planOf(run.definition).graph.needs, index)) {
    const { name, continueOnError } = jobDefinitionAt(run.definition, need);
    const { status } = itemAt(run.jobs, need);
    if (status === "failed" && !continueOnError) return `it needs "${name}", which failed`;
    if (status === "skipped") return `it needs "${name}", which was skipped`;
    if (status === "cancelled") return `it needs "${name}", which was cancelled`;
  }
  return undefined;
}

function queueRetry(run: Run, nowMs: number): RunEvent | undefined {
  const retry = run.retries[0];
  if (retry === undefined || retry.dueAtMs > nowMs) return undefined;
  return queued(run, retry.job, nowMs);
}

function queueReady(run: Run, nowMs: number): RunEvent | undefined {
  const { parallelMax = Number.POSITIVE_INFINITY } = run.definition;
  if (run.inProgress >= parallelMax) return undefined;
  const rank = firstRank(run.ready);
  if (rank === undefined) return undefined;
  return queued(run, planOf(run.definition).jobAtRank[rank] ?? 0, nowMs);
}

function queued(run: Run, index: number, atMs: number): RunEvent {
  const { name } = jobDefinitionAt(run.definition, index);
  return { type: "jobQueued", data: { job: name, attempt: nextAttempt(run, index), atMs } };
}

function nextAttempt(run: Run, index: number): number {
  const job: JobState = itemAt(run.jobs, index);
  return job.status === "waiting" || isEnded(job) ? 1 : job.attempt + 1;
}

function finishRun(run: Run, atMs: number): RunEvent | undefined {
  if (run.ordinaryLeft + run.finallyLeft > 0) return undefined;
  const outputs = fillTemplates(run.definition.outputs, runValues(run));
  return { type: "runFinished", data: { status: conclusionOf(run), outputs, atMs } };
}
