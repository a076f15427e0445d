import type { AgentClock, AgentTimer } from "./clock.ts";

/**
 * A bounded wait that only counts the time in which a job's output is read. While it is blocked, the
 * processes that still write cannot get on, and that is not their fault.
 */
export class Linger {
  readonly #clock: AgentClock;
  #leftMs: number;
  #blocked = false;
  #armed: { readonly timer: AgentTimer; readonly sinceMs: number } | undefined;
  #over: (() => void) | undefined;

  constructor(clock: AgentClock, lingerMs: number) {
    this.#clock = clock;
    this.#leftMs = lingerMs;
  }

  /** Resolves when `done` does, or when the time is used up. Call it once. */
  async until(done: Promise<void>): Promise<void> {
    const over = new Promise<void>((resolve) => {
      this.#over = resolve;
    });
    if (!this.#blocked) this.#arm();
    await Promise.race([done, over]);
    this.#over = undefined;
    this.#disarm();
  }

  setBlocked(blocked: boolean): void {
    this.#blocked = blocked;
    if (blocked) this.#disarm();
    else if (this.#over !== undefined) this.#arm();
  }

  #arm(): void {
    if (this.#armed !== undefined) return;
    const timer = this.#clock.setTimer(this.#leftMs, () => this.#over?.());
    this.#armed = { timer, sinceMs: this.#clock.monotonicMs() };
  }

  #disarm(): void {
    if (this.#armed === undefined) return;
    this.#armed.timer.cancel();
    this.#leftMs -= this.#clock.monotonicMs() - this.#armed.sinceMs;
    this.#armed = undefined;
  }
}
