/** The port through which workers say what they can take: a scheduler listens. */
import type { AttemptKey } from "./attempt.ts";

export interface WorkerCapacity {
  readonly workerId: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Attempts it runs at once, at least 1. */
  readonly slots: number;
  /** What it has been given and not given back: each takes a slot. */
  readonly holding: readonly AttemptKey[];
}

export interface CapacityListener {
  /** A worker takes work; said again whenever its labels or slots change. */
  workerReady(capacity: WorkerCapacity): void;
  /** A slot of this worker is free again. */
  released(workerId: string, attempt: AttemptKey): void;
  /** Away, draining, lost: nothing more for this worker. */
  workerGone(workerId: string): void;
}
