/** Runs jobs on this machine: the port that the session uses, and its one implementation. */
import { type Assignment, Outcome } from "../../proto/troupe/agent/v1/agent.ts";
import type { CgroupParent } from "./cgroup.ts";
import type { AgentClock } from "./clock.ts";
import { JobRun } from "./job-run.ts";
import { PipeSupply } from "./output-pipe.ts";
import { type ProcessTable, systemProcessTable } from "./process-table.ts";

export interface JobEnd {
  readonly outcome: Outcome;
  readonly exitCode: number;
  readonly signal: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** One plain sentence for a person, empty on success. */
  readonly reason: string;
  /** 0 = never started. */
  readonly startedAtMs: number;
  readonly durationMs: number;
}

/** What a job tells; all of it from later turns of the event loop, in this order, `ended` last and once. */
export interface JobListener {
  started(startedAtMs: number): void;
  /** Masked bytes of the log, valid until this returns. */
  output(bytes: Uint8Array): void;
  ended(end: JobEnd): void;
}

export interface RunningJob {
  /** SIGTERM to the whole tree, SIGKILL after `graceMs`. Again: the earlier deadline counts, and the first reason. */
  cancel(reason: string, graceMs: number): void;
  /** While blocked the job's pipe is not read, so the job waits when it is full. */
  setOutputBlocked(blocked: boolean): void;
  /** Removes the job's folder; only after its end. Never rejects. */
  remove(): Promise<void>;
}

export interface Executor {
  /** Never throws: what goes wrong is the job's end. `assignment.attempt` must be there. */
  start(assignment: Assignment, listener: JobListener): RunningJob;
  close(): Promise<void>;
}

export interface ExecutorOptions {
  /** Each attempt gets a folder of its own in here. */
  readonly workFolder: string;
  /** Begins every job's TROUPE_ATTEMPT_ID, so that the processes of one agent can be told from another's. */
  readonly mark: string;
  readonly clock: AgentClock;
  readonly environment: NodeJS.ProcessEnv;
  readonly onWarning: (message: string) => void;
  readonly table?: ProcessTable;
  /** undefined = no control groups. */
  readonly cgroups?: CgroupParent | undefined;
}

export interface ExecutorContext extends Required<Omit<ExecutorOptions, "cgroups">> {
  readonly cgroups: CgroupParent | undefined;
  readonly pipes: PipeSupply;
}

/** Runs each job as processes of this machine. */
export function processExecutor(options: ExecutorOptions): Executor {
  const context: ExecutorContext = {
    table: systemProcessTable(),
    cgroups: undefined,
    ...options,
    pipes: new PipeSupply(options.workFolder),
  };
  context.pipes.prepare();
  return {
    start: (assignment, listener) => new JobRun(context, assignment, listener),
    close: () => context.pipes.close(),
  };
}

/** The end of a job that never ran. */
export function neverRan(
  outcome: typeof Outcome.ERROR | typeof Outcome.CANCELLED,
  reason: string,
): JobEnd {
  return {
    outcome,
    exitCode: 0,
    signal: "",
    outputs: {},
    reason,
    startedAtMs: 0,
    durationMs: 0,
  };
}
