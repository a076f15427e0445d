import type { Clock } from "../kernel/index.ts";

/** Resolves after `delayMs` of the injected clock. */
export function pause(clock: Clock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}

/** Pauses that double from `firstMs` up to `maxMs`. */
export class Backoff {
  readonly #clock: Clock;
  readonly #maxMs: number;
  #nextMs: number;
  /** How often it has waited. */
  waits = 0;

  constructor(clock: Clock, firstMs: number, maxMs: number) {
    this.#clock = clock;
    this.#maxMs = maxMs;
    this.#nextMs = firstMs;
  }

  wait(): Promise<void> {
    const delayMs = this.#nextMs;
    this.waits += 1;
    this.#nextMs = Math.min(this.#maxMs, delayMs * 2);
    return pause(this.#clock, delayMs);
  }
}
