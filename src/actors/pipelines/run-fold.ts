/** The events of a run applied to its state, one handler per event: plug them into a persistent actor. */
import { ChunkedListEdit } from "./chunked-list.ts";
import { neighbours } from "./graph.ts";
import { RankSetEdit } from "./rank-set.ts";
import type { RunEvent, RunEventData, RunEventType } from "./run-events.ts";
import { jobDefinitionAt, planOf, type RunPlan } from "./run-plan.ts";
import {
  type ActiveJob,
  type Attempts,
  createRun,
  type EndedJob,
  isEnded,
  isWithWorker,
  type JobState,
  type Run,
  type RunState,
  rankOf,
} from "./run-state.ts";

export const newRun: RunState = { status: "new" };

/** One pure handler per event, in the shape that `.events()` of a persistent actor takes. */
export const runEventHandlers: {
  readonly [T in RunEventType]: (state: RunState, data: RunEventData[T]) => RunState;
} = {
  runCreated: (_state, data) => createRun(data),
  jobQueued: (state, data) => change(state, (edit) => edit.queue(data)),
  jobAssigned: (state, data) => change(state, (edit) => edit.assign(data)),
  jobStarted: (state, data) => change(state, (edit) => edit.start(data)),
  fileStored: (state, data) => change(state, (edit) => edit.keepFile(data)),
  jobFinished: (state, data) => change(state, (edit) => edit.finish(data)),
  jobRetryScheduled: (state, data) => change(state, (edit) => edit.retry(data)),
  attemptLost: (state, data) => change(state, (edit) => edit.lose(data)),
  jobSkipped: (state, data) => change(state, (edit) => edit.withdraw(data, "skipped")),
  jobCancelled: (state, data) => change(state, (edit) => edit.withdraw(data, "cancelled")),
  jobStopRequested: (state, data) => change(state, (edit) => edit.stopJob(data)),
  runStopRequested: (state, data) => change(state, (edit) => edit.requestStop(data)),
  runFinished: (state, { status, outputs, atMs }) => ({
    ...known(state),
    status,
    outputs,
    finishedAtMs: atMs,
  }),
};

export function applyRunEvent(state: RunState, event: RunEvent): RunState {
  // Each event is paired with its own handler; TypeScript cannot see the pairing through a union key.
  const apply = runEventHandlers[event.type] as (state: RunState, data: unknown) => RunState;
  return apply(state, event.data);
}

function known(state: RunState): Run {
  if (state.status === "new") throw new Error("a run's first event is runCreated");
  return state;
}

function change(state: RunState, edit: (edit: RunEdit) => void): Run {
  const editor = new RunEdit(known(state));
  edit(editor);
  return editor.done();
}

type Draft = { -readonly [K in keyof Run]: Run[K] };

/** Collects what one event changes; everything else is shared with the state before. */
class RunEdit {
  /** A shallow copy; its lists are changed through the edits below. */
  readonly #run: Draft;
  readonly #plan: RunPlan;
  readonly #jobs: ChunkedListEdit<JobState>;
  readonly #ready: RankSetEdit;
  readonly #doomed: RankSetEdit;

  constructor(run: Run) {
    this.#run = { ...run };
    this.#plan = planOf(run.definition);
    this.#jobs = new ChunkedListEdit(run.jobs);
    this.#ready = new RankSetEdit(run.ready);
    this.#doomed = new RankSetEdit(run.doomed);
  }

  done(): Run {
    this.#run.jobs = this.#jobs.done();
    this.#run.ready = this.#ready.done();
    this.#run.doomed = this.#doomed.done();
    return this.#run;
  }

  queue({ job: name, attempt, atMs }: RunEventData["jobQueued"]): void {
    const [index, job] = this.#find(name);
    if (job.status === "waiting") this.#run.inProgress++;
    this.#put(index, { status: "queued", ...attemptsOf(job), attempt, queuedAtMs: atMs });
    this.#ready.delete(rankOf(this.#plan, index));
    this.#dropRetry(index);
  }

  assign({ job: name, workerId }: RunEventData["jobAssigned"]): void {
    const [index, job] = this.#find(name);
    this.#put(index, { status: "assigned", ...attemptsOf(job), workerId });
  }

  start({ job: name, atMs }: RunEventData["jobStarted"]): void {
    const [index, job] = this.#find(name);
    if (!isWithWorker(job)) return;
    const { workerId, files } = job;
    const kept = files === undefined ? {} : { files };
    const ran = { workerId, startedAtMs: atMs, ...kept };
    this.#put(index, { status: "running", ...attemptsOf(job), ...ran });
  }

  keepFile({ job: name, file }: RunEventData["fileStored"]): void {
    const [index, job] = this.#find(name);
    if (isWithWorker(job)) this.#put(index, { ...job, files: [...(job.files ?? []), file] });
  }

  finish(data: RunEventData["jobFinished"]): void {
    const [index, job] = this.#find(data.job);
    const attempts = attemptsOf(job);
    const commit = attempts.commit ?? data.commit;
    const lost = data.outcome === "lost" ? [...attempts.lost, data.attempt] : attempts.lost;
    const status =
      data.outcome === "succeeded" || data.outcome === "cancelled" ? data.outcome : "failed";
    this.#end(index, {
      status,
      ...attempts,
      ...(commit === undefined ? {} : { commit }),
      lost,
      withdrawn: false,
      ...whereItRan(job),
      finishedAtMs: data.atMs,
      ...(data.exitCode === undefined ? {} : { exitCode: data.exitCode }),
      ...(data.usage === undefined ? {} : { usage: data.usage }),
      ...(data.summary === undefined ? {} : { summary: data.summary }),
      ...(data.signal === undefined ? {} : { signal: data.signal }),
      reason: data.reason,
      outputs: data.outputs,
      ...(data.artifacts === undefined ? {} : { artifacts: data.artifacts }),
    });
  }

  retry(data: RunEventData["jobRetryScheduled"]): void {
    const [index, job] = this.#find(data.job);
    if (!isWithWorker(job)) return;
    this.#put(index, {
      status: "retrying",
      ...(data.commit === undefined ? {} : { commit: data.commit }),
      ...attemptsOf(job),
      ...whereItRan(job),
      workerId: job.workerId,
      dueAtMs: data.dueAtMs,
      reason: data.reason,
      ...(data.exitCode === undefined ? {} : { exitCode: data.exitCode }),
      ...(data.usage === undefined ? {} : { usage: data.usage }),
      ...(data.summary === undefined ? {} : { summary: data.summary }),
    });
    const { retries } = this.#run;
    const later = retries.findIndex(({ dueAtMs }) => dueAtMs > data.dueAtMs);
    const at = later === -1 ? retries.length : later;
    this.#run.retries = retries.toSpliced(at, 0, { job: index, dueAtMs: data.dueAtMs });
  }

  lose({ job: name, attempt, atMs }: RunEventData["attemptLost"]): void {
    const [index, job] = this.#find(name);
    const attempts = attemptsOf(job);
    const lost = [...attempts.lost, attempt];
    const next = { status: "queued", attempt: attempt + 1, lost, queuedAtMs: atMs } as const;
    this.#put(index, { ...attempts, ...next });
  }

  withdraw(data: RunEventData["jobSkipped"], status: "skipped" | "cancelled"): void {
    const [index, job] = this.#find(data.job);
    this.#dropRetry(index);
    this.#end(index, {
      status,
      ...attemptsOf(job),
      withdrawn: true,
      ...whereItRan(job),
      finishedAtMs: data.atMs,
      reason: data.reason,
      outputs: {},
    });
  }

  stopJob({ job: name, reason }: RunEventData["jobStopRequested"]): void {
    const [index, job] = this.#find(name);
    this.#run.stoppedJobs = { ...this.#run.stoppedJobs, [name]: reason };
    if (!isEnded(job) && !isWithWorker(job)) this.#doom(index);
  }

  requestStop({ cause, reason, force }: RunEventData["runStopRequested"]): void {
    this.#run.stop = { cause, reason, force };
    if (cause !== "fail-fast") this.#run.status = "cancelling";
    this.#run.definition.jobs.forEach((job, index) => {
      const state = this.#jobs.get(index);
      if ((job.finally && !force) || isEnded(state) || isWithWorker(state)) return;
      this.#doom(index);
    });
  }

  #end(index: number, ended: EndedJob): void {
    const { continueOnError, finally: isFinally } = jobDefinitionAt(this.#run.definition, index);
    if (isActive(this.#jobs.get(index))) this.#run.inProgress--;
    this.#put(index, ended);
    const rank = rankOf(this.#plan, index);
    this.#ready.delete(rank);
    this.#doomed.delete(rank);
    if (ended.status === "failed" && !continueOnError) this.#run.failedJobs++;
    const letsOthersRun =
      ended.status === "succeeded" || (ended.status === "failed" && continueOnError);
    for (const dependent of neighbours(this.#plan.graph.dependents, index)) {
      this.#needEnded(dependent, letsOthersRun);
    }
    if (isFinally) this.#run.finallyLeft--;
    else if (--this.#run.ordinaryLeft === 0) this.#startFinally();
  }

  #needEnded(index: number, well: boolean): void {
    const job = this.#jobs.get(index);
    if (job.status !== "waiting") return;
    const needsLeft = job.needsLeft - 1;
    this.#put(index, { status: "waiting", needsLeft });
    if (!well) this.#doom(index);
    else if (needsLeft === 0) this.#makeReady(index);
  }

  #startFinally(): void {
    this.#run.definition.jobs.forEach((job, index) => {
      const state = this.#jobs.get(index);
      if (job.finally && state.status === "waiting" && state.needsLeft === 0)
        this.#makeReady(index);
    });
  }

  #makeReady(index: number): void {
    this.#ready.add(rankOf(this.#plan, index));
  }

  #doom(index: number): void {
    const rank = rankOf(this.#plan, index);
    this.#ready.delete(rank);
    this.#doomed.add(rank);
  }

  #dropRetry(index: number): void {
    const { retries } = this.#run;
    if (!retries.some(({ job }) => job === index)) return;
    this.#run.retries = retries.filter(({ job }) => job !== index);
  }

  #put(index: number, job: JobState): void {
    this.#jobs.set(index, job);
  }

  #find(name: string): [number, JobState] {
    const index = this.#plan.graph.indexByName.get(name);
    if (index === undefined) {
      throw new Error(`"${this.#run.definition.name}" has no job "${name}"`);
    }
    return [index, this.#jobs.get(index)];
  }
}

function isActive(job: JobState): job is ActiveJob {
  return job.status !== "waiting" && !isEnded(job);
}

function attemptsOf(job: JobState): Attempts {
  if (job.status === "waiting") return { attempt: 0, lost: [] };
  const { attempt, lost, queuedAtMs, commit } = job;
  return {
    attempt,
    lost,
    ...(queuedAtMs === undefined ? {} : { queuedAtMs }),
    ...(commit === undefined ? {} : { commit }),
  };
}

function whereItRan(job: JobState): { workerId?: string; startedAtMs?: number } {
  if (job.status === "waiting" || job.status === "queued" || isEnded(job)) return {};
  if (job.status === "assigned") return { workerId: job.workerId };
  const { workerId, startedAtMs } = job;
  return startedAtMs === undefined ? { workerId } : { workerId, startedAtMs };
}
