import type { AgentClock, AgentTimer } from "../../../src/agent/clock.ts";

/** Time that stands still until it is told to go on. */
export class ManualClock implements AgentClock {
  #nowMs = 1_000_000;
  #timers: { atMs: number; fire: () => void }[] = [];

  nowMs(): number {
    return this.#nowMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  setTimer(delayMs: number, fire: () => void): AgentTimer {
    const timer = { atMs: this.#nowMs + delayMs, fire };
    this.#timers.push(timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  /** Moves on by `durationMs`, firing what becomes due on the way, in order. */
  advance(durationMs: number): void {
    const endMs = this.#nowMs + durationMs;
    for (;;) {
      const due = this.#timers.filter((timer) => timer.atMs <= endMs);
      const next = due.sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      this.#nowMs = Math.max(this.#nowMs, next.atMs);
      next.fire();
    }
    this.#nowMs = endMs;
  }

  /** Time passes, but no timer fires: the process was stopped. */
  skip(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  get pendingCount(): number {
    return this.#timers.length;
  }
}
