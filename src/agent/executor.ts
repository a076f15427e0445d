/** The port between the session, which knows what to run, and whatever runs it. */
import type { Assignment, Outcome, StoredFile, Usage } from "../../proto/troupe/agent/v1/agent.ts";

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
  /** undefined = not known on this machine, or it never ran. */
  readonly usage: Usage | undefined;
  /** What it leaves for others, stored by now; undefined = nothing. */
  readonly artifacts: StoredFile | undefined;
  /** Markdown for people, stored by now. */
  readonly summary: StoredFile | undefined;
  /** The id of the commit that was checked out; empty = none. */
  readonly commit: string;
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
}

export interface Executor {
  /** Never throws: what goes wrong is the job's end. `assignment.attempt` must be there. */
  start(assignment: Assignment, listener: JobListener): RunningJob;
  close(): Promise<void>;
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
    usage: undefined,
    artifacts: undefined,
    summary: undefined,
    commit: "",
  };
}
