/**
 * What must be done outside once events are in the journal, and, after a crash, what must be done
 * again. Effects are requests that may be repeated: whoever carries them out knows attempts by their number.
 */
import type { AttemptKey } from "../workers/index.ts";
import { isStopping, stopReason } from "./attempt-standing.ts";
import { itemsOf } from "./chunked-list.ts";
import type { RunEvent } from "./run-events.ts";
import { jobDefinitionAt, jobDefinitionNamed } from "./run-plan.ts";
import { isWithWorker, jobNamed, type Run } from "./run-state.ts";

export type RunEffect =
  /** Into the scheduler's queue. */
  | {
      readonly type: "submit";
      readonly attempt: AttemptKey;
      /** The run's and the job's together; higher first. */
      readonly priority: number;
      readonly labels: Readonly<Record<string, string>>;
    }
  /** Out of the scheduler's queue, if it is still there. */
  | { readonly type: "withdraw"; readonly attempt: AttemptKey }
  /** The worker's agent must end it; a result, or its loss, will be reported. */
  | {
      readonly type: "cancel";
      readonly attempt: AttemptKey;
      readonly workerId: string;
      readonly reason: string;
      readonly graceMs: number;
    };

/** `after` is the state with all of `events` applied. */
export function effectsOf(after: Run, events: readonly RunEvent[]): RunEffect[] {
  return events.flatMap((event): readonly RunEffect[] => {
    switch (event.type) {
      case "jobQueued":
        return [submit(after, event.data.job, event.data.attempt)];
      case "attemptLost":
        return [submit(after, event.data.job, event.data.attempt + 1)];
      case "jobCancelled":
        return withdraw(after, event.data.job);
      case "jobStopRequested":
      case "runStopRequested":
        return pendingWork(after).effects.filter(({ type }) => type === "cancel");
      default:
        return [];
    }
  });
}

export interface PendingWork {
  /** To be done (again) now: queued attempts are submitted, attempts to be stopped are cancelled. */
  readonly effects: readonly RunEffect[];
  /** Nothing to do: a result will come, or their loss. */
  readonly withWorkers: readonly { readonly attempt: AttemptKey; readonly workerId: string }[];
}

/** After a recovery: everything that a running run waits for. Then `advance`, which finds the rest. O(V). */
export function pendingWork(run: Run): PendingWork {
  const effects: RunEffect[] = [];
  const withWorkers: { attempt: AttemptKey; workerId: string }[] = [];
  let index = 0;
  for (const job of itemsOf(run.jobs)) {
    const { name, killGraceMs } = jobDefinitionAt(run.definition, index++);
    if (job.status === "queued" && !isStopping(run, name))
      effects.push(submit(run, name, job.attempt));
    if (!isWithWorker(job)) continue;
    const attempt = { runId: run.runId, job: name, attempt: job.attempt };
    const { workerId } = job;
    withWorkers.push({ attempt, workerId });
    if (!isStopping(run, name)) continue;
    const reason = stopReason(run, name);
    effects.push({ type: "cancel", attempt, workerId, reason, graceMs: killGraceMs });
  }
  return { effects, withWorkers };
}

function submit(run: Run, name: string, attempt: number): RunEffect {
  const { priority, labels } = jobDefinitionNamed(run.definition, name);
  return {
    type: "submit",
    attempt: { runId: run.runId, job: name, attempt },
    priority: run.priority + priority,
    labels,
  };
}

/** Of an attempt that no worker had yet. */
function withdraw(run: Run, name: string): readonly RunEffect[] {
  const job = jobNamed(run, name);
  const attempt = job === undefined || job.status === "waiting" ? 0 : job.attempt;
  return attempt === 0
    ? []
    : [{ type: "withdraw", attempt: { runId: run.runId, job: name, attempt } }];
}
