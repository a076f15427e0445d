/** The scheduler of a system, for runs (which submit) and workers (which take). */
import type { AttemptKey, CapacityListener } from "../workers/index.ts";

export interface AttemptRequest {
  readonly attempt: AttemptKey;
  /** Higher first; within one priority, first come, first served. */
  readonly priority: number;
  /** A worker must have all of these labels with these values. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Queued attempts that ask for the same labels. */
export interface Demand {
  readonly labels: Readonly<Record<string, string>>;
  /** Attempts that wait. */
  readonly queued: number;
  /** Ready workers that have these labels, busy or not. 0 = only a new worker can help. */
  readonly workers: number;
}

export interface Scheduler extends CapacityListener {
  /**
   * Queues attempts, in this order; one that is queued already keeps its place. Throws
   * `TROUPE_QUEUE_FULL` (retryable) when not all fit: its `details.accepted` are in, the rest is not.
   */
  submit(requests: readonly AttemptRequest[]): Promise<void>;
  /** These need no worker any more. No error for what is not queued. */
  withdraw(attempts: readonly AttemptKey[]): void;
  /** What waits, by label set: what a provider would have to start agents for. */
  demand(): Promise<readonly Demand[]>;
  /** Told soon after demand has changed, never more often than every `demandIntervalMs`. Returns the way to stop. */
  watchDemand(listener: (demand: readonly Demand[]) => void): () => void;
  /** Why each queued attempt of this run waits: job → one plain sentence. */
  waiting(runId: string): Promise<ReadonlyMap<string, string>>;
}
