/**
 * What a run decides, as a pure table: a state and an input in, events out. Whoever calls it commits
 * the events, applies them, and does the effects (`run-effects.ts`) after the commit.
 *
 *   input     the job is …                          the events (then what follows from them)
 *   ────────  ────────────────────────────────────  ─────────────────────────────────────────────────
 *   create    – (the run is new)                    runCreated
 *             – (the run exists)                    none: the same id twice is the same run
 *   prepare   queued, this attempt                  jobAssigned
 *             with this worker, this attempt        none: delivered once more
 *             anything else                         refused
 *   started   assigned to this worker               jobStarted
 *             running there                         none
 *             anything else                         refused
 *   stored    with this worker                      fileStored
 *             with it, and stored before            none
 *             anything else, or too many            refused
 *   finished  with this worker: succeeded           jobFinished
 *             failed, timed out, not startable      jobRetryScheduled while attempts are left and the
 *                                                   run goes on, else jobFinished
 *             cancelled, and the run asked for it   jobFinished
 *             cancelled by the agent itself         as lost: nobody here wanted that
 *             names a file that it did not store    as failed
 *             ended by (or retried after) this
 *             very attempt                          none: the result was sent again
 *             anything else                         refused: it counts for nothing
 *   lost      with this worker                      attemptLost, which queues the next attempt; after
 *                                                   `lostAttemptsMax` jobFinished; jobCancelled if the
 *                                                   run is stopping
 *             anything else                         none: known already
 *   cancel    – (the run goes on)                   runStopRequested
 *             – (already cancelling)                none, unless `force` is new
 *             – (the run has ended)                 refused
 *   stop-job  – (the job goes on)                   jobStopRequested
 *             – (it has ended, or is stopping)      none
 *   advance   – what follows from the state alone: after a recovery, at `wakeAtMs`, while `more`
 *
 *   What follows, in this order, until nothing does:
 *   the run's time is over                          runStopRequested (timeout)
 *   a failure in a fail-fast run                    runStopRequested (fail-fast)
 *   a job that can never run                        jobSkipped; jobCancelled if it was cancelled
 *   a retry is due                                  jobQueued with the next attempt
 *   a job is ready, fewer than `parallelMax` run    jobQueued, the most urgent first
 *   all jobs have ended                             runFinished
 *
 *  D1. Events come out in the order in which they must be applied; any prefix of them is a state
 *      from which `advance` reaches the same end.
 *  D2. A job that has ended never runs again; an attempt older than the current one changes nothing.
 *  D3. A decision is bounded: at most `runEventsPerTurnMax` follow-ups, then `more` is true.
 */
import { limits } from "../kernel/index.ts";
import type { AttemptResult, StoredFile } from "../workers/index.ts";
import {
  isRecorded,
  isStopping,
  type Refusal,
  type Report,
  refusal,
  refusalOf,
} from "./attempt-standing.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";
import type { RunEvent } from "./run-events.ts";
import { applyRunEvent } from "./run-fold.ts";
import { followUps } from "./run-follow-ups.ts";
import { jobDefinitionNamed } from "./run-plan.ts";
import {
  isEnded,
  isWithWorker,
  type JobState,
  jobNamed,
  type Run,
  type RunState,
} from "./run-state.ts";

export type RunInput =
  | {
      readonly type: "create";
      readonly runId: string;
      readonly definition: PipelineDefinition;
      /** As `resolveParameters` returns them. */
      readonly parameters: Readonly<Record<string, string>>;
      readonly priority: number;
      readonly workspace?: StoredFile;
    }
  | ({ readonly type: "prepare" } & Report)
  | ({ readonly type: "started" } & Report)
  | ({ readonly type: "stored"; readonly file: StoredFile } & Report)
  | ({ readonly type: "finished"; readonly result: AttemptResult } & Report)
  | ({ readonly type: "lost"; readonly reason: string } & Report)
  | { readonly type: "cancel"; readonly reason: string; readonly force?: boolean }
  | { readonly type: "stop-job"; readonly job: string; readonly reason: string }
  | { readonly type: "advance" };

/** What a worker says of one attempt. */
export interface Decision {
  readonly events: readonly RunEvent[];
  /** The input counted for nothing. Events may still follow from the state. */
  readonly refused?: Refusal;
  /** More follows than one turn may hold: commit, then `advance` at once. */
  readonly more: boolean;
}

export function decide(state: RunState, input: RunInput, nowMs: number): Decision {
  const { events, refused } = answer(state, input, nowMs);
  const after = events.reduce(applyRunEvent, state);
  const follow =
    after.status === "new"
      ? { events: [], more: false }
      : followUps(after, nowMs, limits.runEventsPerTurnMax);
  return {
    events: [...events, ...follow.events],
    ...(refused === undefined ? {} : { refused }),
    more: follow.more,
  };
}

interface Answer {
  readonly events: readonly RunEvent[];
  readonly refused?: Refusal;
}

const nothing: Answer = { events: [] };

function answer(state: RunState, input: RunInput, nowMs: number): Answer {
  if (input.type === "create") return state.status === "new" ? create(input, nowMs) : nothing;
  if (state.status === "new") return refuse("no-run", "there is no such run");
  switch (input.type) {
    case "advance":
      return nothing;
    case "cancel":
      return cancel(state, input, nowMs);
    case "stop-job":
      return stopJob(state, input, nowMs);
    case "prepare":
    case "started":
    case "stored":
    case "finished":
    case "lost":
      return report(state, input, nowMs);
  }
}

function create(input: Extract<RunInput, { type: "create" }>, atMs: number): Answer {
  const { runId, definition, parameters, priority, workspace } = input;
  const uploaded = workspace === undefined ? {} : { workspace };
  return one({
    type: "runCreated",
    data: { runId, definition, parameters, priority, ...uploaded, atMs },
  });
}

function cancel(run: Run, input: Extract<RunInput, { type: "cancel" }>, atMs: number): Answer {
  if (run.finishedAtMs !== undefined) return refuse("run-ended", "the run has already ended");
  const force = input.force ?? false;
  if (run.status === "cancelling" && (!force || run.stop?.force === true)) return nothing;
  return one({
    type: "runStopRequested",
    data: { cause: "cancel", reason: input.reason, force, atMs },
  });
}

function stopJob(
  run: Run,
  { job: name, reason }: Extract<RunInput, { type: "stop-job" }>,
  atMs: number,
): Answer {
  const job = jobNamed(run, name);
  if (job === undefined || isEnded(job) || isStopping(run, name)) return nothing;
  return one({ type: "jobStopRequested", data: { job: name, reason, atMs } });
}

type ReportInput = Extract<RunInput, Report>;

function report(run: Run, input: ReportInput, nowMs: number): Answer {
  const job = jobNamed(run, input.job);
  if (job === undefined) {
    return refuse("unknown-job", `"${run.definition.name}" has no job "${input.job}"`);
  }
  switch (input.type) {
    case "prepare":
      return prepare(job, input, nowMs);
    case "started":
      return started(job, input, nowMs);
    case "stored":
      return stored(job, input, nowMs);
    case "finished":
      return finished(run, job, input, nowMs);
    case "lost":
      return refusalOf(job, input) === undefined ? lost(run, job, input, nowMs) : nothing;
  }
}

function prepare(job: JobState, input: Report, atMs: number): Answer {
  const { job: name, attempt, workerId } = input;
  if (job.status === "queued" && job.attempt === attempt) {
    return one({ type: "jobAssigned", data: { job: name, attempt, workerId, atMs } });
  }
  const refused = refusalOf(job, input);
  return refused === undefined ? nothing : { events: [], refused };
}

function started(job: JobState, input: Report, atMs: number): Answer {
  const refused = refusalOf(job, input);
  if (refused !== undefined) return { events: [], refused };
  if (job.status === "running") return nothing;
  return one({ type: "jobStarted", data: { job: input.job, attempt: input.attempt, atMs } });
}

function stored(
  job: JobState,
  input: Report & { readonly file: StoredFile },
  atMs: number,
): Answer {
  const refused = refusalOf(job, input);
  if (refused !== undefined) return { events: [], refused };
  const { job: name, attempt, file } = input;
  if (hasStored(job, file)) return nothing;
  const count = isWithWorker(job) ? (job.files?.length ?? 0) : 0;
  if (count >= limits.attemptFilesMax) {
    return refuse("too-many-files", `an attempt may store ${limits.attemptFilesMax} files`);
  }
  return one({ type: "fileStored", data: { job: name, attempt, file, atMs } });
}

function hasStored(job: JobState, { sha256, bytes }: StoredFile): boolean {
  const files = isWithWorker(job) ? (job.files ?? []) : [];
  return files.some((file) => file.sha256 === sha256 && file.bytes === bytes);
}

/** By a hash alone, which may be known to anybody, an agent would get to read the file in a later job. */
function withOwnFiles(job: JobState, result: AttemptResult): AttemptResult {
  for (const name of ["artifacts", "summary"] as const) {
    const file = result[name];
    if (file === undefined || hasStored(job, file)) continue;
    const { artifacts: _artifacts, summary: _summary, ...rest } = result;
    const reason = `the agent named ${name} of ${file.bytes} bytes that it has not stored for this attempt`;
    return { ...rest, outcome: "failed", reason };
  }
  return result;
}

function finished(
  run: Run,
  job: JobState,
  input: Extract<RunInput, { type: "finished" }>,
  atMs: number,
): Answer {
  if (isRecorded(job, input.attempt)) return nothing;
  const refused = refusalOf(job, input);
  if (refused !== undefined) return { events: [], refused };
  const result = withinBounds(withOwnFiles(job, input.result));
  const { job: name, attempt } = input;
  const wanted = isStopping(run, name);
  if (result.outcome === "cancelled" && !wanted) {
    const reason = `the agent gave it up: ${result.reason || "no reason given"}`;
    return lost(run, job, { ...input, reason }, atMs);
  }
  const end = { job: name, attempt, atMs, ...processEnd(result) };
  const failed = result.outcome !== "succeeded" && result.outcome !== "cancelled";
  const dueAtMs = failed && !wanted ? retryAtMs(run, job, name, atMs) : undefined;
  if (dueAtMs !== undefined) return one({ type: "jobRetryScheduled", data: { ...end, dueAtMs } });
  const declared = new Set(jobDefinitionNamed(run.definition, name).outputs);
  const outputs = Object.fromEntries(
    Object.entries(result.outputs).filter(([output]) => declared.has(output)),
  );
  const { artifacts } = result;
  const left = artifacts === undefined ? {} : { artifacts };
  return one({ type: "jobFinished", data: { ...end, outcome: result.outcome, outputs, ...left } });
}

function lost(
  run: Run,
  job: JobState,
  input: Report & { readonly reason: string },
  atMs: number,
): Answer {
  const { job: name, attempt, reason } = input;
  if (isStopping(run, name)) {
    return one({ type: "jobCancelled", data: { job: name, reason, atMs } });
  }
  const losses = job.status === "waiting" ? 0 : job.lost.length;
  if (losses < limits.lostAttemptsMax) {
    return one({ type: "attemptLost", data: { job: name, attempt, reason, atMs } });
  }
  const sentence = `lost ${losses + 1} times, the last time because ${reason}`;
  return one({
    type: "jobFinished",
    data: { job: name, attempt, atMs, outcome: "lost", reason: sentence, outputs: {} },
  });
}

/** When the next attempt is due; undefined = this was the last one. Exponential, without jitter: the scheduler spreads load. */
function retryAtMs(run: Run, job: JobState, name: string, nowMs: number): number | undefined {
  if (job.status === "waiting") return undefined;
  const { retry } = jobDefinitionNamed(run.definition, name);
  const failures = job.attempt - job.lost.length;
  if (failures >= retry.attemptsMax) return undefined;
  const delayMs = retry.initialDelayMs * retry.factor ** (failures - 1);
  return nowMs + Math.round(Math.min(delayMs, retry.delayMaxMs));
}

/** Outputs become part of the journal: what is too big fails the attempt instead of the run. */
function withinBounds(result: AttemptResult): AttemptResult {
  let bytes = 0;
  for (const [name, value] of Object.entries(result.outputs)) {
    bytes += Buffer.byteLength(name) + Buffer.byteLength(value);
  }
  if (bytes <= limits.jobOutputsBytesMax) return result;
  const reason = `its outputs take ${bytes} bytes, and ${limits.jobOutputsBytesMax} are allowed`;
  return { ...result, outcome: "failed", outputs: {}, reason };
}

function processEnd({ exitCode, signal, usage, summary, commit, reason }: AttemptResult) {
  return {
    ...(exitCode === undefined ? {} : { exitCode }),
    ...(signal === undefined || signal === "" ? {} : { signal }),
    ...(usage === undefined ? {} : { usage }),
    ...(summary === undefined ? {} : { summary }),
    ...(commit === undefined ? {} : { commit }),
    reason,
  };
}

function one(event: RunEvent): Answer {
  return { events: [event] };
}

function refuse(code: Refusal["code"], reason: string): Answer {
  return { events: [], refused: refusal(code, reason) };
}
