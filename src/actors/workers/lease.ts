/**
 * A worker's lease, on the monotonic clock: any sign of life renews it, silence ends it. It is not
 * stored: after a restart of this process every worker gets a full new one, because the silence may
 * have been ours.
 *
 * Renewing costs one assignment; the timer looks at what is left only when it fires.
 */
import type { Clock, Timer } from "../kernel/index.ts";

export interface LeaseOptions {
  readonly clock: Clock;
  readonly durationMs: number;
  /** Called once, when the lease is over. */
  readonly over: () => void;
}

export class Lease {
  readonly #clock: Clock;
  readonly #durationMs: number;
  readonly #over: () => void;
  #renewedAtMs: number;
  #timer: Timer | undefined;

  constructor({ clock, durationMs, over }: LeaseOptions) {
    this.#clock = clock;
    this.#durationMs = durationMs;
    this.#over = over;
    this.#renewedAtMs = clock.monotonicMs();
    this.#arm(durationMs);
  }

  renew(): void {
    this.#renewedAtMs = this.#clock.monotonicMs();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #arm(delayMs: number): void {
    this.#timer = this.#clock.setTimer(delayMs, () => {
      const leftMs = this.#renewedAtMs + this.#durationMs - this.#clock.monotonicMs();
      if (leftMs > 0) this.#arm(leftMs);
      else this.#over();
    });
  }
}
