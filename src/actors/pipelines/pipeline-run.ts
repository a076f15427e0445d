/**
 * A run of a pipeline as a persistent actor, by the run's id. Each command is one decision of the pure
 * state machine (`run-decisions.ts`), committed whole; what must be done outside is done after the
 * commit, and done again after a recovery.
 *
 *  R1. Nothing outside is asked for inside a turn: the run waits for nobody, so nobody waits for a
 *      run that waits for them.
 *  R2. Every effect can be derived from the state again (`pendingWork`): losing one loses time only.
 *  R3. A wake-up (a retry, the run's timeout) is a durable timer in the same commit as its cause.
 *  R4. No secret passes through here: instructions carry names.
 */
import { definePersistentActor, type PersistentContext } from "../persistence/index.ts";
import type {
  AttemptGrant,
  AttemptResult,
  FinishAnswer,
  ResumeAnswer,
  StoredFile,
} from "../workers/index.ts";
import { grantOf, isStopping, type Report, resumeVerdict } from "./attempt-standing.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";
import { type Decision, decide, type RunInput } from "./run-decisions.ts";
import type { RunEvent, RunEventData } from "./run-events.ts";
import { newRun, runEventHandlers } from "./run-fold.ts";
import { wakeAtMs } from "./run-follow-ups.ts";
import {
  filesOf,
  type JobLeavings,
  jobNamed,
  leavingsOf,
  type Run,
  type RunFiles,
  type RunState,
} from "./run-state.ts";
import { instructionsOf, type JobInstructions } from "./run-values.ts";
import type { JobStatus, RunSummary, RunView } from "./run-view.ts";
import { summaryOf, viewOf } from "./view-of-run.ts";

/** What follows from a run's turns, done outside of them. Must not throw, may be repeated. */
export interface RunOutlet {
  /** These events are in the journal, and `run` is the state after them. */
  committed(run: Run, events: readonly RunEvent[]): void;
  /** More follows than one turn may hold: an `advance` at once. */
  goOn(runId: string): void;
  /** Everything the run waits for must be asked for (again). */
  stands(run: Run): void;
  /** A watcher's beginning, in order with what `committed` tells. */
  shown(watcher: number, view: RunView): void;
}

export interface CreateRun {
  readonly definition: PipelineDefinition;
  /** As `resolveParameters` returns them. */
  readonly parameters: Readonly<Record<string, string>>;
  readonly priority: number;
  readonly workspace?: StoredFile;
}

/** The definition for one system: each has its own, bound to the outlet that does the effects. */
export function definePipelineRun(outlet: RunOutlet) {
  const take = (run: RunTurn, input: RunInput): Decision => takeInput(run, input, outlet);

  return definePersistentActor("pipeline-run", {
    initialState: (): RunState => newRun,
    // A snapshot of a large run costs as much as thousands of its events; most runs end without one.
    snapshot: { everyEvents: 10_000, everyBytes: 4 * 1024 * 1024 },
    open: isOngoing,
    // The hook is declared before the events: its context is the same one, with less known about it.
    recovered: (run) => recover(run as unknown as RunTurn, outlet),
  })
    .events(runEventHandlers)
    .timers<{ wake: undefined }>({
      wake: (run) => wake(run, outlet),
    })
    .commands({
      ...readings,

      /** `created: false` = it exists already, and nothing was done. */
      create: (run, created: CreateRun): { created: boolean } => {
        const isNew = run.state.status === "new";
        take(run, { type: "create", runId: run.id, ...created });
        return { created: isNew };
      },

      prepare: (run, report: Report) => prepare(run, report, outlet),

      started: (run, report: Report): void => {
        take(run, { type: "started", ...report });
      },

      /** False: it counts for nothing; the attempt is not with this worker, or has stored too much. */
      stored: (run, report: Report, file: StoredFile): boolean =>
        take(run, { type: "stored", file, ...report }).refused === undefined,

      finished: (run, report: Report, result: AttemptResult): FinishAnswer => {
        const { refused } = take(run, inputOf(report, result));
        return { recorded: refused === undefined, reason: refused?.reason ?? "" };
      },

      lost: (run, report: Report, reason: string): void => {
        take(run, { type: "lost", reason, ...report });
      },

      cancel: (run, reason: string) => {
        if (run.state.status === "new") return run.reject("no-run");
        const { refused } = take(run, { type: "cancel", reason });
        return { cancelling: refused === undefined };
      },

      /** Ends one job; the rest of the run goes on. */
      stopJob: (run, job: string, reason: string): void => {
        if (isOngoing(run.state)) take(run, { type: "stop-job", job, reason });
      },

      advance: (run): void => {
        if (isOngoing(run.state)) take(run, { type: "advance" });
      },

      /** Asks again for everything the run waits for. */
      stand: (run): void => {
        const { state } = run;
        if (isOngoing(state)) run.afterCommit(() => outlet.stands(state));
      },

      /** False: there is no such run. */
      watch: (run, watcher: number): boolean => {
        const { state } = run;
        if (state.status === "new") return false;
        run.afterCommit(() => outlet.shown(watcher, viewOf(state)));
        return true;
      },
    });
}

export type PipelineRunDefinition = ReturnType<typeof definePipelineRun>;
export type PipelineRunHandle = InstanceType<PipelineRunDefinition["Handle"]>;

type RunTurn = PersistentContext<RunState, RunEventData, { wake: undefined }>;

/** From its first attempt to its end. */
const holdingStatuses: ReadonlySet<JobStatus> = new Set([
  "queued",
  "assigned",
  "running",
  "retrying",
]);

interface Reading {
  readonly state: RunState;
}

/** The commands that only look. */
const readings = {
  resumed: ({ state }: Reading, report: Report): ResumeAnswer =>
    state.status === "new"
      ? { verdict: "disown", reason: "there is no such run" }
      : resumeVerdict(state, report),

  /** What this attempt may do with what is stored; undefined = it is not with this worker. */
  grant: ({ state }: Reading, report: Report): AttemptGrant | undefined =>
    state.status === "new" ? undefined : grantOf(state, report),

  /** What the run has in the store, and whether it has ended. */
  files: ({ state }: Reading): RunFiles =>
    state.status === "new"
      ? { files: [], ended: true }
      : { files: filesOf(state), ended: !isOngoing(state) },

  /** What the newest ended attempt of a job has left; undefined = there is no such job. */
  leavings: ({ state }: Reading, name: string): JobLeavings | undefined => {
    const job = state.status === "new" ? undefined : jobNamed(state, name);
    return job === undefined ? undefined : leavingsOf(job);
  },

  /** Does it still want its place in a concurrency group? `job` empty = the whole run. */
  wantsPlace: ({ state }: Reading, job: string): boolean => {
    if (!isOngoing(state)) return false;
    const status = job === "" ? "queued" : jobNamed(state, job)?.status;
    return status !== undefined && holdingStatuses.has(status);
  },

  view: ({ state }: Reading): RunView | undefined =>
    state.status === "new" ? undefined : viewOf(state),

  summary: ({ state }: Reading): RunSummary | undefined =>
    state.status === "new" ? undefined : summaryOf(state),
};

function isOngoing(state: RunState): state is Run {
  return state.status !== "new" && state.finishedAtMs === undefined;
}

function takeInput(run: RunTurn, input: RunInput, outlet: RunOutlet): Decision {
  const decision = decide(run.state, input, run.now.getTime());
  commit(run, decision, outlet);
  return decision;
}

function recover(run: RunTurn, outlet: RunOutlet): void {
  const { state } = run;
  if (!isOngoing(state)) return;
  run.afterCommit(() => outlet.stands(state));
  takeInput(run, { type: "advance" }, outlet);
}

/** The timer has gone with this turn, whatever the turn decides. */
function wake(run: RunTurn, outlet: RunOutlet): void {
  const decision = decide(run.state, { type: "advance" }, run.now.getTime());
  commit(run, decision, outlet, { timerIsSet: false });
}

function prepare(
  run: RunTurn,
  report: Report,
  outlet: RunOutlet,
): { refused: string } | { instructions: JobInstructions } {
  const { refused } = takeInput(run, { type: "prepare", ...report }, outlet);
  if (refused !== undefined) return { refused: refused.reason };
  const { state } = run;
  const instructions = instructionsOf(state, report.job);
  if (state.status === "new" || instructions === undefined) return { refused: "unknown job" };
  if (!isStopping(state, report.job)) return { instructions };
  // Given to the worker before the stop, but never to its agent: nobody will report its end.
  const reason = "the run was stopped before the job started";
  takeInput(run, { type: "lost", reason, ...report }, outlet);
  return { refused: reason };
}

/** An attempt that its agent declined has not failed: it is queued again, like a lost one. */
function inputOf(report: Report, result: AttemptResult): RunInput {
  if (result.outcome !== "declined") return { type: "finished", result, ...report };
  const reason = `its agent declined it: ${result.reason || "no reason given"}`;
  return { type: "lost", reason, ...report };
}

function commit(
  run: RunTurn,
  { events, more }: Decision,
  outlet: RunOutlet,
  { timerIsSet } = { timerIsSet: true },
): void {
  const wakeBefore = timerIsSet ? wakeOf(run.state) : undefined;
  for (const event of events) run.persist(event.type, event.data);
  const { state, id } = run;
  const wakeAfter = wakeOf(state);
  if (wakeAfter === undefined && wakeBefore !== undefined) run.timers.cancel("wake");
  if (wakeAfter !== undefined && wakeAfter !== wakeBefore) {
    run.timers.start("wake", { atMs: wakeAfter });
  }
  if (state.status === "new") return;
  if (events.length > 0) run.afterCommit(() => outlet.committed(state, events));
  if (more) run.afterCommit(() => outlet.goOn(id));
}

function wakeOf(state: RunState): number | undefined {
  return state.status === "new" ? undefined : wakeAtMs(state);
}
