/**
 * Which attempt goes to which worker. Pure bookkeeping over a `JobQueue` and the workers' slots.
 *
 *  P1. The next attempt is the first in the queue's order that some worker with a free slot can
 *      take; an attempt that nobody can take now holds back no other.
 *  P2. It goes to the least loaded of those workers (taken slots ÷ slots, then more free slots, then
 *      the smaller id).
 *  P3. A slot is taken from the moment of the decision until it is given back by name; taking or
 *      giving back twice changes nothing.
 *
 * Workers with the same labels stand in one pool, which sees its part of the queue through one
 * lane. A decision costs O(pools + log attempts + log workers): it does not grow with what waits.
 */
import { IndexedHeap } from "./indexed-heap.ts";
import { inOrder, type JobQueue, type Lane, type QueuedAttempt } from "./job-queue.ts";
import { type Labels, labelsKey, matches } from "./labels.ts";

export interface WorkerSlots {
  readonly workerId: string;
  readonly labels: Labels;
  /** At least 1. */
  readonly slots: number;
  /** Ids of the attempts that take a slot each. */
  readonly holding: Iterable<string>;
}

export interface Decision<A> {
  readonly attempt: A;
  readonly workerId: string;
}

/** Workers that have certain labels. */
export interface Fitting {
  readonly workers: number;
  readonly freeSlots: number;
}

interface PlacedWorker {
  readonly id: string;
  readonly slots: number;
  readonly held: Set<string>;
}

interface Pool<A> {
  readonly labels: Labels;
  readonly lane: Lane<A>;
  readonly workers: IndexedHeap<PlacedWorker>;
}

const lessLoaded = (a: PlacedWorker, b: PlacedWorker): boolean => {
  const difference = a.held.size * b.slots - b.held.size * a.slots;
  if (difference !== 0) return difference < 0;
  const more = freeSlots(a) - freeSlots(b);
  return more !== 0 ? more > 0 : a.id < b.id;
};

const freeSlots = (worker: PlacedWorker): number => Math.max(0, worker.slots - worker.held.size);

export class Placement<A extends QueuedAttempt> {
  readonly #queue: JobQueue<A>;
  readonly #pools = new Map<string, Pool<A>>();
  readonly #workers = new Map<string, { worker: PlacedWorker; pool: Pool<A> }>();

  constructor(queue: JobQueue<A>) {
    this.#queue = queue;
  }

  /** A worker is ready, or its labels, slots or attempts are now these. */
  setWorker(of: WorkerSlots): void {
    this.removeWorker(of.workerId);
    const worker = { id: of.workerId, slots: of.slots, held: new Set(of.holding) };
    const pool = this.#poolOf(of.labels);
    pool.workers.add(worker);
    this.#workers.set(worker.id, { worker, pool });
  }

  removeWorker(workerId: string): void {
    const placed = this.#workers.get(workerId);
    if (placed === undefined) return;
    this.#workers.delete(workerId);
    placed.pool.workers.remove(placed.worker);
    if (placed.pool.workers.size > 0) return;
    this.#pools.delete(labelsKey(placed.pool.labels));
    this.#queue.closeLane(placed.pool.lane);
  }

  giveBack(workerId: string, attemptId: string): void {
    const placed = this.#workers.get(workerId);
    if (placed?.worker.held.delete(attemptId)) placed.pool.workers.moved(placed.worker);
  }

  /** Takes the next attempt out of the queue and a slot for it; undefined = nothing can be placed now. */
  next(): Decision<A> | undefined {
    const attempt = this.#firstPlaceable();
    const placed = attempt && this.#leastLoaded(attempt.labels);
    if (attempt === undefined || placed === undefined) return undefined;
    this.#queue.remove(attempt.id);
    placed.worker.held.add(attempt.id);
    placed.pool.workers.moved(placed.worker);
    return { attempt, workerId: placed.worker.id };
  }

  /** Those that could ever take an attempt with these labels, and what they have free. */
  fitting(labels: Labels): Fitting {
    let workers = 0;
    let free = 0;
    for (const pool of this.#pools.values()) {
      if (!matches(labels, pool.labels)) continue;
      workers += pool.workers.size;
      for (const worker of pool.workers.items()) free += freeSlots(worker);
    }
    return { workers, freeSlots: free };
  }

  #firstPlaceable(): A | undefined {
    let first: A | undefined;
    for (const pool of this.#pools.values()) {
      const head = pool.lane.head();
      if (head === undefined || !hasRoom(pool)) continue;
      if (first === undefined || inOrder(head, first)) first = head;
    }
    return first;
  }

  #leastLoaded(labels: Labels): { worker: PlacedWorker; pool: Pool<A> } | undefined {
    let least: { worker: PlacedWorker; pool: Pool<A> } | undefined;
    for (const pool of this.#pools.values()) {
      const worker = pool.workers.first();
      if (worker === undefined || freeSlots(worker) === 0) continue;
      if (least !== undefined && !lessLoaded(worker, least.worker)) continue;
      if (matches(labels, pool.labels)) least = { worker, pool };
    }
    return least;
  }

  #poolOf(labels: Labels): Pool<A> {
    const key = labelsKey(labels);
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const lane = this.#queue.openLane(labels);
    const fresh = { labels, lane, workers: new IndexedHeap<PlacedWorker>(lessLoaded) };
    this.#pools.set(key, fresh);
    return fresh;
  }
}

function hasRoom(pool: Pool<unknown>): boolean {
  const worker = pool.workers.first();
  return worker !== undefined && freeSlots(worker) > 0;
}
