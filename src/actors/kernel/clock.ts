/**
 * Time, as the framework sees it. This file and `random.ts` are the only places under
 * `src/actors` that touch the machine's own clock, timers and entropy, so that a whole
 * system can run under virtual time.
 */

/** A timer that has been set. */
export interface Timer {
  /** Stops the timer. Does nothing once it has fired or was cancelled. */
  cancel(): void;
}

export interface TimerOptions {
  /** Does not keep the process alive when nothing else does. Default false. */
  readonly background?: boolean;
}

export interface Clock {
  /** Wall clock: milliseconds since 1970. May jump in both directions. */
  nowMs(): number;
  /** Never goes back; only differences mean something. Milliseconds with a fraction. */
  monotonicMs(): number;
  /** Calls `fire` once after `delayMs` (0 or more; any length, also above 24.8 days). */
  setTimer(delayMs: number, fire: () => void, options?: TimerOptions): Timer;
}

/** The longest delay that Node's own timers take; they fire at once above it. */
const nodeDelayMaxMs = 2_147_483_647;

class SystemTimer implements Timer {
  readonly #background: boolean;
  #handle: NodeJS.Timeout | undefined;

  constructor(delayMs: number, fire: () => void, background: boolean) {
    this.#background = background;
    this.#arm(delayMs, fire);
  }

  #arm(delayMs: number, fire: () => void): void {
    const restMs = delayMs - nodeDelayMaxMs;
    this.#handle =
      restMs > 0
        ? setTimeout(() => this.#arm(restMs, fire), nodeDelayMaxMs)
        : setTimeout(fire, delayMs);
    if (this.#background) this.#handle.unref();
  }

  cancel(): void {
    clearTimeout(this.#handle);
  }
}

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer: (delayMs, fire, options) =>
    new SystemTimer(Math.max(0, delayMs), fire, options?.background === true),
};
