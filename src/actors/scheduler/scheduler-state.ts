/**
 * All that the scheduler knows, as plain bookkeeping: what waits, who can take it, what is under
 * way. Nothing here is stored; after a restart runs submit and workers announce themselves again.
 *
 *  S1. An attempt is queued, under way to one worker, or unknown here. Submitting it in the first
 *      two cases changes nothing.
 *  S2. What is under way and was not taken goes back to its old place, unless it was withdrawn.
 *  S3. Queued and under way together never exceed the bound.
 */
import { type AttemptKey, attemptId, type WorkerCapacity } from "../workers/index.ts";
import { JobQueue, type QueuedAttempt } from "./job-queue.ts";
import { labelsText } from "./labels.ts";
import { type Decision, Placement } from "./placement.ts";
import type { AttemptRequest, Demand } from "./scheduler.ts";

export interface SchedulerAttempt extends QueuedAttempt {
  readonly key: AttemptKey;
}

interface UnderWay {
  readonly attempt: SchedulerAttempt;
  readonly workerId: string;
  withdrawn: boolean;
  /** The worker gave it back before the word that it took it arrived here. */
  released: boolean;
}

export class SchedulerState {
  readonly #attemptsMax: number;
  readonly #queue = new JobQueue<SchedulerAttempt>();
  readonly #placement = new Placement(this.#queue);
  readonly #underWay = new Map<string, UnderWay>();
  readonly #runs = new Map<string, Set<string>>();
  #sequence = 0;

  constructor(attemptsMax: number) {
    this.#attemptsMax = attemptsMax;
  }

  /** Queued and under way. */
  get size(): number {
    return this.#queue.size + this.#underWay.size;
  }

  /** How many of the requests, from the first on, are in. */
  submit(requests: readonly AttemptRequest[]): number {
    for (const [index, request] of requests.entries()) {
      const id = attemptId(request.attempt);
      const underWay = this.#underWay.get(id);
      if (underWay !== undefined) underWay.withdrawn = false;
      if (underWay !== undefined || this.#queue.get(id) !== undefined) continue;
      if (this.size >= this.#attemptsMax) return index;
      const { attempt: key, priority, labels } = request;
      this.#enqueue({ id, key, priority, labels, sequence: this.#sequence++ });
    }
    return requests.length;
  }

  withdraw(attempts: readonly AttemptKey[]): void {
    for (const key of attempts) {
      const id = attemptId(key);
      const underWay = this.#underWay.get(id);
      if (underWay !== undefined) underWay.withdrawn = true;
      else if (this.#queue.remove(id) !== undefined) this.#forget(key, id);
    }
  }

  workerReady(capacity: WorkerCapacity): void {
    const holding = new Set(capacity.holding.map(attemptId));
    for (const [id, { workerId }] of this.#underWay) {
      if (workerId === capacity.workerId) holding.add(id);
    }
    this.#placement.setWorker({ ...capacity, holding });
  }

  workerGone(workerId: string): void {
    this.#placement.removeWorker(workerId);
  }

  released(workerId: string, attempt: AttemptKey): void {
    const id = attemptId(attempt);
    const underWay = this.#underWay.get(id);
    if (underWay?.workerId === workerId) underWay.released = true;
    else this.#placement.giveBack(workerId, id);
  }

  /** All that can be placed now; each decision is under way until it is settled. */
  decide(): readonly Decision<SchedulerAttempt>[] {
    const decisions: Decision<SchedulerAttempt>[] = [];
    for (;;) {
      const decision = this.#placement.next();
      if (decision === undefined) return decisions;
      const { attempt, workerId } = decision;
      this.#forget(attempt.key, attempt.id);
      this.#underWay.set(attempt.id, { attempt, workerId, withdrawn: false, released: false });
      decisions.push(decision);
    }
  }

  /** The worker has taken the attempt for good (`taken`), or has certainly or possibly not. */
  settle(attempt: AttemptKey, taken: boolean): void {
    const id = attemptId(attempt);
    const underWay = this.#underWay.get(id);
    if (underWay === undefined) return;
    this.#underWay.delete(id);
    if (!taken || underWay.released) this.#placement.giveBack(underWay.workerId, id);
    if (!taken && !underWay.withdrawn) this.#enqueue(underWay.attempt);
  }

  demand(): readonly Demand[] {
    return Array.from(this.#queue.classes(), ({ labels, size }) => ({
      labels,
      queued: size,
      workers: this.#placement.fitting(labels).workers,
    }));
  }

  waiting(runId: string): ReadonlyMap<string, string> {
    const reasons = new Map<string, string>();
    for (const id of this.#runs.get(runId) ?? []) {
      const attempt = this.#queue.get(id);
      if (attempt !== undefined) reasons.set(attempt.key.job, this.#reason(attempt));
    }
    return reasons;
  }

  #reason({ labels }: SchedulerAttempt): string {
    const { workers, freeSlots } = this.#placement.fitting(labels);
    const plain = Object.keys(labels).length === 0;
    const which = plain ? "" : ` with the labels ${labelsText(labels)}`;
    if (workers === 0) return `no worker${which} is connected`;
    if (freeSlots === 0) {
      return workers === 1
        ? `the one worker${which} is busy`
        : `all ${workers} workers${which} are busy`;
    }
    return "it is about to be given to a worker";
  }

  #enqueue(attempt: SchedulerAttempt): void {
    this.#queue.push(attempt);
    const ofRun = this.#runs.get(attempt.key.runId);
    if (ofRun === undefined) this.#runs.set(attempt.key.runId, new Set([attempt.id]));
    else ofRun.add(attempt.id);
  }

  #forget({ runId }: AttemptKey, id: string): void {
    const ofRun = this.#runs.get(runId);
    ofRun?.delete(id);
    if (ofRun?.size === 0) this.#runs.delete(runId);
  }
}
