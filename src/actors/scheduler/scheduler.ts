/** The scheduler of a system, for runs (which submit) and workers (which take). */
import type { AttemptKey } from "../workers/index.ts";

export interface AttemptRequest {
  readonly attempt: AttemptKey;
  /** Higher first; within one priority, first come, first served. */
  readonly priority: number;
  /** A worker must have all of these labels with these values. */
  readonly labels: Readonly<Record<string, string>>;
}

export interface WorkerCapacity {
  readonly workerId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Attempts it runs at once, at least 1. */
  readonly slots: number;
  /** What it has been given and not given back: each takes a slot. */
  readonly holding: readonly AttemptKey[];
}

/** Queued attempts that ask for the same labels. */
export interface Demand {
  readonly labels: Readonly<Record<string, string>>;
  /** Attempts that wait. */
  readonly queued: number;
  /** Ready workers that have these labels, busy or not. 0 = only a new worker can help. */
  readonly workers: number;
}

export interface Scheduler {
  /**
   * Queues attempts, in this order; one that is queued already keeps its place. Throws
   * `TROUPE_QUEUE_FULL` (retryable) when not all fit: its `details.accepted` are in, the rest is not.
   */
  submit(requests: readonly AttemptRequest[]): Promise<void>;
  /** These need no worker any more. No error for what is not queued. */
  withdraw(attempts: readonly AttemptKey[]): void;
  /** A worker takes work; said again whenever its labels or slots change. */
  workerReady(capacity: WorkerCapacity): void;
  /** A slot of this worker is free again. */
  released(workerId: string, attempt: AttemptKey): void;
  /** Away, draining, lost: nothing more for this worker. */
  workerGone(workerId: string): void;
  /** What waits, by label set: what a provider would have to start agents for. */
  demand(): Promise<readonly Demand[]>;
  /** Told soon after demand has changed, never more often than every `demandIntervalMs`. Returns the way to stop. */
  watchDemand(listener: (demand: readonly Demand[]) => void): () => void;
  /** Why each queued attempt of this run waits: job → one plain sentence. */
  waiting(runId: string): Promise<ReadonlyMap<string, string>>;
}
