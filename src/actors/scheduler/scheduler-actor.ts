/**
 * The scheduler: an actor in memory around `SchedulerState`. After every message it places what can
 * be placed; each placement is a request to a worker that runs beside the actor's turns and comes
 * back as a message, so a slow worker holds up nobody.
 */
import {
  defineActor,
  type Kernel,
  limits,
  reasonOf,
  type Timer,
  TroupeError,
} from "../kernel/index.ts";
import type { AttemptKey, WorkerCapacity } from "../workers/index.ts";
import type { AttemptRequest, Demand, Scheduler } from "./scheduler.ts";
import { SchedulerState } from "./scheduler-state.ts";

/** Gives an attempt to a worker. False, or a rejection: it certainly, or possibly, did not take it. */
export type Assign = (attempt: AttemptKey, workerId: string) => Promise<boolean>;

export interface SchedulerOptions {
  readonly assign: Assign;
  /** Attempts queued and on their way to a worker. Default `limits.queuedAttemptsMax`; above it `TROUPE_QUEUE_FULL`. */
  readonly queuedAttemptsMax?: number;
  /** Default `limits.demandIntervalMs`. */
  readonly demandIntervalMs?: number;
}

interface SchedulerEdge {
  readonly attemptsMax: number;
  /** Carries out a placement. */
  place(attempt: AttemptKey, workerId: string): void;
  /** What waits may have changed. */
  touched(): void;
}

function defineScheduler(edge: SchedulerEdge) {
  const dispatch = (state: SchedulerState): void => {
    for (const { attempt, workerId } of state.decide()) edge.place(attempt.key, workerId);
    edge.touched();
  };
  return defineActor("scheduler", {
    initialState: () => new SchedulerState(edge.attemptsMax),
    // A restart would forget the queue; a message that cannot be handled changes nothing of it.
    supervision: { otherwise: { action: "resume" } },
    // Every message is one of a bounded number: per slot, per worker, per run. None may be lost.
    mailbox: { messagesMax: Number.MAX_SAFE_INTEGER },
  }).commands({
    submit: ({ state }, requests: readonly AttemptRequest[]): number => {
      const accepted = state.submit(requests);
      dispatch(state);
      return accepted;
    },
    withdraw: ({ state }, attempts: readonly AttemptKey[]): void => {
      state.withdraw(attempts);
      edge.touched();
    },
    workerReady: ({ state }, capacity: WorkerCapacity): void => {
      state.workerReady(capacity);
      dispatch(state);
    },
    workerGone: ({ state }, workerId: string): void => {
      state.workerGone(workerId);
      edge.touched();
    },
    released: ({ state }, workerId: string, attempt: AttemptKey): void => {
      state.released(workerId, attempt);
      dispatch(state);
    },
    settle: ({ state }, attempt: AttemptKey, taken: boolean): void => {
      state.settle(attempt, taken);
      dispatch(state);
    },
    demand: ({ state }): readonly Demand[] => state.demand(),
    waiting: ({ state }, runId: string): ReadonlyMap<string, string> => state.waiting(runId),
  });
}

/** Starts the scheduler of a system as a top-level actor of its kernel; it ends with the kernel. */
export function startScheduler(kernel: Kernel, options: SchedulerOptions): Scheduler {
  return new LocalScheduler(kernel, options);
}

class LocalScheduler implements Scheduler, SchedulerEdge {
  readonly attemptsMax: number;
  readonly #kernel: Kernel;
  readonly #options: SchedulerOptions;
  readonly #actor;
  readonly #listeners = new Set<(demand: readonly Demand[]) => void>();
  #timer: Timer | undefined;
  #told = "";

  constructor(kernel: Kernel, options: SchedulerOptions) {
    this.attemptsMax = options.queuedAttemptsMax ?? limits.queuedAttemptsMax;
    this.#kernel = kernel;
    this.#options = options;
    this.#actor = kernel.spawn(defineScheduler(this), "scheduler");
  }

  async submit(requests: readonly AttemptRequest[]): Promise<void> {
    const accepted = await this.#actor.submit(requests);
    if (accepted === requests.length) return;
    throw new TroupeError("TROUPE_QUEUE_FULL", { attemptsMax: this.attemptsMax, accepted });
  }

  withdraw(attempts: readonly AttemptKey[]): void {
    this.#actor.tell.withdraw(attempts);
  }

  workerReady(capacity: WorkerCapacity): void {
    this.#actor.tell.workerReady(capacity);
  }

  workerGone(workerId: string): void {
    this.#actor.tell.workerGone(workerId);
  }

  released(workerId: string, attempt: AttemptKey): void {
    this.#actor.tell.released(workerId, attempt);
  }

  demand(): Promise<readonly Demand[]> {
    return this.#actor.demand();
  }

  waiting(runId: string): Promise<ReadonlyMap<string, string>> {
    return this.#actor.waiting(runId);
  }

  watchDemand(listener: (demand: readonly Demand[]) => void): () => void {
    this.#listeners.add(listener);
    this.#told = "";
    this.touched();
    return () => this.#listeners.delete(listener);
  }

  // ── the actor's edge ───────────────────────────────────────────────────────────────────

  place(attempt: AttemptKey, workerId: string): void {
    const settle = (taken: boolean): void => this.#actor.tell.settle(attempt, taken);
    this.#options.assign(attempt, workerId).then(settle, (error: unknown) => {
      this.#kernel.logger.warn(`a placement failed: ${reasonOf(error)}`, { worker: workerId });
      settle(false);
    });
  }

  touched(): void {
    if (this.#listeners.size === 0 || this.#timer !== undefined) return;
    const delayMs = this.#options.demandIntervalMs ?? limits.demandIntervalMs;
    this.#timer = this.#kernel.clock.setTimer(delayMs, () => {
      this.#timer = undefined;
      void this.#tellDemand();
    });
  }

  async #tellDemand(): Promise<void> {
    let demand: readonly Demand[];
    try {
      demand = await this.demand();
    } catch (error) {
      // The system stops: nobody needs agents any more.
      return this.#kernel.logger.debug(`no demand: ${reasonOf(error)}`);
    }
    const text = JSON.stringify(demand);
    if (text === this.#told) return;
    this.#told = text;
    for (const listener of this.#listeners) {
      try {
        listener(demand);
      } catch (error) {
        this.#kernel.logger.error(`a listener of the demand threw: ${reasonOf(error)}`, { error });
      }
    }
  }
}
