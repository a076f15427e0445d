/**
 * A run as data, and how each event changes it. Pure: no clock, no I/O, nothing changed in place.
 *
 *  S1. The state is a fold of the run's events and of nothing else.
 *  S2. It is always consistent after a whole event: whatever still follows from it (jobs to queue,
 *      to skip, the end) is derived by `run-decisions.ts`, also after a crash between two events.
 *  S3. An event costs O(√V) plus the dependents of the job that it ends; only a stop looks at all jobs.
 *  S4. `ready` and `doomed` hold exactly the jobs that a decision must act on; an ended job is in
 *      neither. Doom goes first: a job in both never runs.
 */
import type { JobUsage, StoredFile } from "../workers/index.ts";
import type { ChunkedList } from "./chunked-list.ts";
import { chunkedList, itemAt, itemsOf } from "./chunked-list.ts";
import { degree } from "./graph.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";
import { emptyRankSet, type RankSet, RankSetEdit } from "./rank-set.ts";
import type { RunEventData, StopRequest } from "./run-events.ts";
import { planOf, type RunPlan } from "./run-plan.ts";
import type { RunStatus } from "./run-view.ts";

export type RunState = { readonly status: "new" } | Run;

export interface Run {
  readonly status: RunStatus;
  readonly runId: string;
  readonly definition: PipelineDefinition;
  readonly parameters: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly workspace?: StoredFile;
  readonly createdAtMs: number;
  readonly finishedAtMs?: number;
  /** By position in the definition. */
  readonly jobs: ChunkedList<JobState>;
  /** Ranks of jobs that may be queued as soon as `parallelMax` lets them. */
  readonly ready: RankSet;
  /** Ranks of jobs that will never run (again): to be skipped or cancelled. */
  readonly doomed: RankSet;
  /** Retries to come, the next one first. */
  readonly retries: readonly { readonly job: number; readonly dueAtMs: number }[];
  /** Jobs that have not ended. Finally jobs start when `ordinaryLeft` is 0. */
  readonly ordinaryLeft: number;
  readonly finallyLeft: number;
  /** Jobs that count against `parallelMax`: queued, with a worker, or between two attempts. */
  readonly inProgress: number;
  /** Failed jobs that fail the run. */
  readonly failedJobs: number;
  readonly stop?: StopRequest;
  /** Jobs that were to be stopped by themselves, and why. */
  readonly stoppedJobs?: Readonly<Record<string, string>>;
  readonly outputs: Readonly<Record<string, string>>;
}

/**
 *   waiting → queued → assigned → running → succeeded | failed | cancelled
 *                ↑________ retrying ←┘ (a failed attempt)
 *                ↑____________________┘ (a lost attempt, from assigned or running)
 *   waiting → skipped | cancelled        queued, retrying → cancelled
 */
export type JobState = WaitingJob | ActiveJob | EndedJob;

export interface WaitingJob {
  readonly status: "waiting";
  /** Needs that have not ended yet. */
  readonly needsLeft: number;
}

/** What is kept of earlier attempts. Of `attempt`s below the current one, those not lost have failed. */
export interface Attempts {
  /** The newest one; 0 = none. */
  readonly attempt: number;
  readonly lost: readonly number[];
  readonly queuedAtMs?: number;
  /** What the first attempt that told had checked out: the later ones get the same. */
  readonly commit?: string;
}

export interface AttemptFiles {
  /** What the attempt's agent has stored for it. Its result may name these, and no others. */
  readonly files?: readonly StoredFile[];
}

export type ActiveJob = Attempts &
  (
    | { readonly status: "queued" }
    | ({ readonly status: "assigned"; readonly workerId: string } & AttemptFiles)
    | ({
        readonly status: "running";
        readonly workerId: string;
        readonly startedAtMs: number;
      } & AttemptFiles)
    | {
        readonly status: "retrying";
        readonly workerId: string;
        readonly startedAtMs?: number;
        readonly dueAtMs: number;
        readonly reason: string;
        readonly exitCode?: number;
        readonly usage?: JobUsage;
        readonly summary?: StoredFile;
      }
  );

export interface EndedJob extends Attempts {
  readonly status: "succeeded" | "failed" | "skipped" | "cancelled";
  /** The run ended it, not a result: a result of `attempt` that still comes counts for nothing. */
  readonly withdrawn: boolean;
  readonly workerId?: string;
  readonly startedAtMs?: number;
  readonly finishedAtMs: number;
  readonly exitCode?: number;
  readonly signal?: string;
  readonly usage?: JobUsage;
  readonly summary?: StoredFile;
  readonly artifacts?: StoredFile;
  readonly reason: string;
  readonly outputs: Readonly<Record<string, string>>;
}

export function isEnded(job: JobState): job is EndedJob {
  return (
    job.status === "succeeded" ||
    job.status === "failed" ||
    job.status === "skipped" ||
    job.status === "cancelled"
  );
}

export function isWithWorker(
  job: JobState,
): job is Extract<ActiveJob, { status: "assigned" | "running" }> {
  return job.status === "assigned" || job.status === "running";
}

/** Files that the newest ended attempt of a job has left in the store. */
export interface JobLeavings {
  readonly artifacts?: StoredFile;
  readonly summary?: StoredFile;
}

export function leavingsOf(job: JobState): JobLeavings {
  return {
    ...("artifacts" in job && job.artifacts !== undefined ? { artifacts: job.artifacts } : {}),
    ...("summary" in job && job.summary !== undefined ? { summary: job.summary } : {}),
  };
}

export interface RunFiles {
  readonly files: readonly StoredFile[];
  readonly ended: boolean;
}

/** All that the run has in the store: none of it may go before the run has ended. */
export function filesOf(run: Run): StoredFile[] {
  const files = run.workspace === undefined ? [] : [run.workspace];
  for (const job of itemsOf(run.jobs)) {
    const { artifacts, summary } = leavingsOf(job);
    const stored = isWithWorker(job) ? job.files : undefined;
    files.push(...[artifacts, summary].filter((file) => file !== undefined), ...(stored ?? []));
  }
  return files;
}

/** undefined = no job of that name. */
export function jobNamed(run: Run, name: string): JobState | undefined {
  const index = planOf(run.definition).graph.indexByName.get(name);
  return index === undefined ? undefined : itemAt(run.jobs, index);
}

/** How the run ends, or would end if nothing else happened. */
export function conclusionOf(run: Run): "succeeded" | "failed" | "cancelled" {
  if (run.failedJobs > 0) return "failed";
  const stopped = Object.keys(run.stoppedJobs ?? {});
  if (stopped.some((name) => jobNamed(run, name)?.status === "cancelled")) return "cancelled";
  return run.stop === undefined || run.stop.cause === "fail-fast" ? "succeeded" : "cancelled";
}

export function createRun(data: RunEventData["runCreated"]): Run {
  const { runId, definition, parameters, priority, workspace, atMs } = data;
  const plan = planOf(definition);
  const ready = new RankSetEdit(emptyRankSet(definition.jobs.length));
  const jobs = definition.jobs.map((job, index): WaitingJob => {
    const needsLeft = degree(plan.graph.needs, index);
    if (needsLeft === 0 && !job.finally) ready.add(rankOf(plan, index));
    return { status: "waiting", needsLeft };
  });
  return {
    status: "running",
    runId,
    definition,
    parameters,
    priority,
    ...(workspace === undefined ? {} : { workspace }),
    createdAtMs: atMs,
    jobs: chunkedList(jobs),
    ready: ready.done(),
    doomed: emptyRankSet(jobs.length),
    retries: [],
    ordinaryLeft: plan.ordinaryJobs,
    finallyLeft: plan.finallyJobs,
    inProgress: 0,
    failedJobs: 0,
    outputs: {},
  };
}

export function rankOf(plan: RunPlan, job: number): number {
  return plan.rankOf[job] ?? 0;
}
