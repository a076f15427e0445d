/**
 * What a run writes into the journal: facts, in the past tense, each sufficient by itself, so that
 * a run cut off between any two of them goes on correctly. Jobs go by name: a journal is read by
 * people too. No secret and no log byte is ever in an event.
 */
import type { AttemptOutcome, JobUsage, StoredFile } from "../workers/index.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";

export interface RunEventData {
  runCreated: {
    readonly runId: string;
    readonly definition: PipelineDefinition;
    /** Checked and complete: defaults are filled in. */
    readonly parameters: Readonly<Record<string, string>>;
    /** Added to every job's priority. */
    readonly priority: number;
    /** Uploaded with the run: every job begins with it. */
    readonly workspace?: StoredFile;
    readonly atMs: number;
  };
  /** The job wants a worker. `attempt` counts from 1. */
  jobQueued: AttemptAt;
  /** The first worker to ask got it: from now on only this worker may report on this attempt. */
  jobAssigned: AttemptAt & { readonly workerId: string };
  jobStarted: AttemptAt;
  /** The attempt's agent has sent these bytes, all of them, and they are in the store. */
  fileStored: AttemptAt & { readonly file: StoredFile };
  /** The job has ended by this attempt. */
  jobFinished: AttemptAt &
    ProcessEnd & {
      readonly outcome: AttemptOutcome | "lost";
      readonly outputs: Readonly<Record<string, string>>;
      readonly artifacts?: StoredFile;
    };
  /** `attempt` failed; the next one is queued at `dueAtMs`. */
  jobRetryScheduled: AttemptAt & ProcessEnd & { readonly dueAtMs: number };
  /** Nobody will ever finish `attempt`: the next one is queued with this very event. */
  attemptLost: AttemptAt & { readonly reason: string };
  /** It will never run: a need did not end well, or the run stops. */
  jobSkipped: { readonly job: string; readonly reason: string; readonly atMs: number };
  /** Taken back before a worker had it, or lost while the run was stopping. */
  jobCancelled: { readonly job: string; readonly reason: string; readonly atMs: number };
  /** This one job is to end, and be cancelled; the rest of the run goes on. */
  jobStopRequested: { readonly job: string; readonly reason: string; readonly atMs: number };
  runStopRequested: StopRequest & { readonly atMs: number };
  runFinished: {
    readonly status: "succeeded" | "failed" | "cancelled";
    readonly outputs: Readonly<Record<string, string>>;
    readonly atMs: number;
  };
}

export interface AttemptAt {
  readonly job: string;
  readonly attempt: number;
  /** The server's clock. */
  readonly atMs: number;
}

export interface ProcessEnd {
  /** Absent: the process did not exit by itself, or never started. */
  readonly exitCode?: number;
  readonly signal?: string;
  readonly usage?: JobUsage;
  readonly summary?: StoredFile;
  /** What was checked out. */
  readonly commit?: string;
  /** One plain sentence, empty on success. */
  readonly reason: string;
}

export interface StopRequest {
  readonly cause: "cancel" | "timeout" | "fail-fast";
  readonly reason: string;
  /** Also stop finally jobs. */
  readonly force: boolean;
}

export type RunEventType = keyof RunEventData;

export type RunEvent = {
  readonly [T in RunEventType]: { readonly type: T; readonly data: RunEventData[T] };
}[RunEventType];
