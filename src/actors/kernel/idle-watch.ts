import type { Clock, Timer } from "./clock.ts";

/**
 * Notices that an actor got no message for a while. One timer that looks back when it fires,
 * so that a message costs one clock reading and no timer.
 */
export class IdleWatch {
  readonly #clock: Clock;
  readonly #afterMs: number;
  readonly #fire: () => void;
  #lastMs: number;
  #timer: Timer;

  constructor(clock: Clock, afterMs: number, fire: () => void) {
    this.#clock = clock;
    this.#afterMs = afterMs;
    this.#fire = fire;
    this.#lastMs = clock.monotonicMs();
    this.#timer = this.#arm(afterMs);
  }

  /** A message came. */
  touch(): void {
    this.#lastMs = this.#clock.monotonicMs();
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #arm(delayMs: number): Timer {
    return this.#clock.setTimer(delayMs, () => {
      const nowMs = this.#clock.monotonicMs();
      const restMs = this.#lastMs + this.#afterMs - nowMs;
      if (restMs <= 0) {
        this.#lastMs = nowMs;
        this.#fire();
      }
      this.#timer = this.#arm(restMs > 0 ? restMs : this.#afterMs);
    });
  }
}
