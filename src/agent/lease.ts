/**
 * The agent's lease, as the agent may count on it.
 *
 *   L1. It is measured by the monotonic clock from before the request that renewed it: the agent's idea
 *       of its end is never later than the server's, whatever either wall clock says.
 *   L2. Its end is told once, then its renewal. A renewal that comes too late renews nothing.
 *   L3. `look` finds the end also before the timer could: a process that was stopped for a while must not
 *       act on what it finds in its buffers as if no time had passed.
 */
import type { AgentClock, AgentTimer } from "./clock.ts";

export interface LeaseOptions {
  readonly clock: AgentClock;
  readonly onOver: () => void;
  /** After it was over. */
  readonly onRenewed: () => void;
}

export class Lease {
  readonly #options: LeaseOptions;
  #endMs = Number.POSITIVE_INFINITY;
  #over = false;
  #timer: AgentTimer | undefined;

  constructor(options: LeaseOptions) {
    this.#options = options;
  }

  /** The server has answered what was sent at `sentAtMs`. `durationMs` 0 = it gives no lease. */
  renew(sentAtMs: number, durationMs: number): void {
    this.#endMs = durationMs === 0 ? Number.POSITIVE_INFINITY : sentAtMs + durationMs;
    this.#arm();
    this.look();
    if (!this.#over || this.#leftMs() <= 0) return;
    this.#over = false;
    this.#options.onRenewed();
  }

  /** Tells the end if it has come. */
  look(): void {
    if (this.#over || this.#leftMs() > 0) return;
    this.#over = true;
    this.#timer?.cancel();
    this.#options.onOver();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#endMs = Number.POSITIVE_INFINITY;
  }

  #leftMs(): number {
    return this.#endMs - this.#options.clock.monotonicMs();
  }

  #arm(): void {
    this.#timer?.cancel();
    if (this.#endMs === Number.POSITIVE_INFINITY) return;
    this.#timer = this.#options.clock.setTimer(Math.max(0, this.#leftMs()), () => {
      // A timer may fire a little before its time.
      if (!this.#over && this.#leftMs() > 0) this.#arm();
      else this.look();
    });
  }
}
