/**
 * When which entity has to be woken: one clock timer for any number of entities, resident or not.
 *
 * Boundary: knows persistence ids and wall-clock times. What the timers of an entity are, and
 * whether one is really due, the entity decides from its own state.
 *
 * Invariants:
 *  D1. An entity has at most one wake-up here: the last that was set.
 *  D2. A wake-up leaves when it fires; who was woken sets the next one.
 *  D3. The clock is looked at again at least every `recheckMs`, so that a wall clock that was set
 *      forward fires what has become due.
 */
import type { Clock, Timer } from "../kernel/index.ts";

const recheckMs = 60_000;

interface WakeUp {
  readonly persistenceId: string;
  readonly atMs: number;
}

export class WakeSchedule {
  readonly #clock: Clock;
  readonly #wake: (persistenceId: string) => void;
  /** What holds (D1); entries of the heap that differ from it are outdated. */
  readonly #atMsOf = new Map<string, number>();
  #heap: WakeUp[] = [];
  #timer: Timer | undefined;
  #timerAtMs = Number.POSITIVE_INFINITY;

  constructor(clock: Clock, wake: (persistenceId: string) => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  get size(): number {
    return this.#atMsOf.size;
  }

  /** undefined = no wake-up. A time in the past fires soon, never within this call. */
  set(persistenceId: string, atMs: number | undefined): void {
    const before = this.#atMsOf.get(persistenceId);
    if (before === atMs) return;
    if (atMs === undefined) {
      this.#atMsOf.delete(persistenceId);
      return;
    }
    this.#atMsOf.set(persistenceId, atMs);
    this.#push({ persistenceId, atMs });
    if (this.#heap.length > 64 && this.#heap.length > 2 * this.#atMsOf.size) this.#compact();
    this.#arm();
  }

  /** Forgets those that `leaves` says yes to. */
  forget(leaves: (persistenceId: string) => boolean): void {
    for (const id of this.#atMsOf.keys()) if (leaves(id)) this.#atMsOf.delete(id);
    this.#compact();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMsOf.clear();
    this.#heap = [];
  }

  #arm(): void {
    const next = this.#heap[0];
    if (next === undefined || (this.#timer !== undefined && this.#timerAtMs <= next.atMs)) return;
    this.#timer?.cancel();
    const delayMs = Math.min(Math.max(0, next.atMs - this.#clock.nowMs()), recheckMs);
    this.#timerAtMs = next.atMs;
    this.#timer = this.#clock.setTimer(delayMs, () => this.#fire());
  }

  #fire(): void {
    this.#timer = undefined;
    this.#timerAtMs = Number.POSITIVE_INFINITY;
    const nowMs = this.#clock.nowMs();
    const due: string[] = [];
    for (let next = this.#heap[0]; next !== undefined && next.atMs <= nowMs; next = this.#heap[0]) {
      this.#pop();
      if (this.#atMsOf.get(next.persistenceId) !== next.atMs) continue;
      this.#atMsOf.delete(next.persistenceId);
      due.push(next.persistenceId);
    }
    this.#arm();
    for (const persistenceId of due) this.#wake(persistenceId);
  }

  #compact(): void {
    const holding = Array.from(this.#atMsOf, ([persistenceId, atMs]) => ({ persistenceId, atMs }));
    // A sorted array is a heap.
    this.#heap = holding.sort((a, b) => a.atMs - b.atMs);
  }

  #push(entry: WakeUp): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above] as WakeUp;
      if (parent.atMs <= entry.atMs) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && atMs(heap, below + 1) < atMs(heap, below)) below++;
      if (atMs(heap, below) >= last.atMs) break;
      heap[at] = heap[below] as WakeUp;
      at = below;
    }
    heap[at] = last;
  }
}

function atMs(heap: readonly WakeUp[], at: number): number {
  return (heap[at] as WakeUp).atMs;
}
