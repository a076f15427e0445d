import type { Clock, Timer } from "../kernel/index.ts";

interface Waiting {
  readonly atMs: number;
  readonly order: number;
  readonly fire: () => void;
}

/** A binary heap would be faster; tests hold few timers, and a sorted list shows them in order. */
function insert(list: Waiting[], timer: Waiting): void {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    const other = list[middle] as Waiting;
    if (other.atMs < timer.atMs || (other.atMs === timer.atMs && other.order < timer.order)) {
      low = middle + 1;
    } else high = middle;
  }
  list.splice(low, 0, timer);
}

/**
 * A clock that stands still until it is moved. Timers fire in the order of their times, those of
 * one time in the order in which they were set, each with the clock at its own time.
 */
export class ManualClock implements Clock {
  #nowMs: number;
  #elapsedMs = 0;
  #order = 0;
  readonly #timers: Waiting[] = [];

  /** `startMs`: the wall clock at the beginning. Default 2026-01-01T00:00:00Z. */
  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#elapsedMs;
  }

  /** Timers that have been set and have not fired. */
  get timers(): number {
    return this.#timers.length;
  }

  /** Milliseconds until the next timer; undefined when there is none. */
  get nextInMs(): number | undefined {
    const next = this.#timers[0];
    return next === undefined ? undefined : next.atMs - this.#elapsedMs;
  }

  setTimer(delayMs: number, fire: () => void): Timer {
    const timer: Waiting = {
      atMs: this.#elapsedMs + Math.max(0, delayMs),
      order: this.#order++,
      fire,
    };
    insert(this.#timers, timer);
    return {
      cancel: () => {
        const index = this.#timers.indexOf(timer);
        if (index >= 0) this.#timers.splice(index, 1);
      },
    };
  }

  /** Moves on by `byMs` and fires what falls due on the way. */
  advance(byMs: number): void {
    const untilMs = this.#elapsedMs + byMs;
    for (let next = this.#timers[0]; next !== undefined; next = this.#timers[0]) {
      if (next.atMs > untilMs) break;
      this.#timers.shift();
      this.#moveTo(next.atMs);
      next.fire();
    }
    this.#moveTo(untilMs);
  }

  /** Moves on to the next timer and fires it. False when there is none. */
  advanceToNext(): boolean {
    const next = this.#timers.shift();
    if (next === undefined) return false;
    this.#moveTo(next.atMs);
    next.fire();
    return true;
  }

  /** Sets the wall clock alone, as an operator or NTP would. Timers do not notice. */
  setWallClock(nowMs: number): void {
    this.#nowMs = nowMs;
  }

  #moveTo(atMs: number): void {
    if (atMs <= this.#elapsedMs) return;
    this.#nowMs += atMs - this.#elapsedMs;
    this.#elapsedMs = atMs;
  }
}
