import type { Clock } from "../kernel/index.ts";

/** Steps between two looks at the clock: some microseconds each. */
const stepsPerLook = 32;

/**
 * Lets the event loop have its turn. Walks through frames that are in memory already wait for nothing, so without it
 * sockets and timers would wait until the last of them has ended.
 */
export class WalkPace {
  readonly #clock: Clock;
  readonly #sliceMs: number;
  #walks = 0;
  #steps = 0;
  #sinceMs: number;
  #pause: Promise<void> | undefined = undefined;

  constructor(clock: Clock, sliceMs: number) {
    this.#clock = clock;
    this.#sliceMs = sliceMs;
    this.#sinceMs = clock.monotonicMs();
  }

  /** A walk begins: the slice does, if it is the first. */
  began(): void {
    if (this.#walks++ === 0) this.resumed();
  }

  ended(): void {
    this.#walks -= 1;
  }

  /** A walk comes back from the store, so the loop has been round. */
  resumed(): void {
    this.#steps = 0;
    this.#sinceMs = this.#clock.monotonicMs();
  }

  /** One more step without waiting. undefined = go on at once. */
  step(): Promise<void> | undefined {
    this.#steps += 1;
    if (this.#pause !== undefined || this.#steps % stepsPerLook !== 0) return this.#pause;
    if (this.#clock.monotonicMs() - this.#sinceMs < this.#sliceMs) return undefined;
    this.#pause = new Promise((resolve) => {
      this.#clock.setTimer(0, () => {
        this.#pause = undefined;
        this.resumed();
        resolve();
      });
    });
    return this.#pause;
  }
}
