import type { Cell } from "./cell.ts";
import type { Timer } from "./clock.ts";

/**
 * The end of one life of an actor, on the way to a restart or to the stop. Steps, in order:
 *
 *   children end → the running handler ends → stop hooks run → the life is revoked
 *
 *   I1. No step begins before the one before it is done; so a subtree ends bottom-up.
 *   I2. It comes to its end: at its deadline what still runs in the subtree is revoked.
 *   I3. A stop that comes during the end of a restart wins; a restart never undoes a stop.
 */
export class Ending {
  /** What comes after. */
  after: "stop" | "restart";
  /** Wait before a restart, in milliseconds. */
  readonly delayMs: number;
  readonly #cell: Cell;
  #hooks: "due" | "running" | "done" = "due";
  #deadline: Timer | undefined;
  #deadlineAtMs = Infinity;

  constructor(cell: Cell, after: "stop" | "restart", delayMs: number) {
    this.#cell = cell;
    this.after = after;
    this.delayMs = delayMs;
  }

  /** Sets the deadline, unless it has an earlier one. */
  limit(deadlineMs: number): void {
    const { clock } = this.#cell.engine;
    const atMs = clock.monotonicMs() + deadlineMs;
    if (atMs >= this.#deadlineAtMs) return;
    this.#deadlineAtMs = atMs;
    this.#deadline?.cancel();
    this.#deadline = clock.setTimer(deadlineMs, () => this.#force());
  }

  /** Takes the steps that can be taken now. */
  advance(): void {
    const cell = this.#cell;
    if (cell.childCount > 0 || cell.isBusy) return;
    if (this.#hooks === "due") this.#runHooks(cell.takeHooks());
    if (this.#hooks === "running") return;
    this.#deadline?.cancel();
    cell.ended(this);
  }

  #runHooks(hooks: readonly (() => unknown)[]): void {
    this.#hooks = hooks.length === 0 ? "done" : "running";
    if (hooks.length === 0) return;
    const runAll = async (): Promise<void> => {
      for (const hook of hooks) {
        try {
          await hook();
        } catch (error) {
          this.#cell.engine.logger.error("a stop hook failed", { actor: this.#cell.path, error });
        }
      }
      // Abandoned at the deadline: the cell has gone on without it.
      if (this.#hooks !== "running") return;
      this.#hooks = "done";
      this.advance();
    };
    void runAll();
  }

  /** The deadline is over: revokes what still runs in the subtree, bottom-up. */
  #force(): void {
    const subtree: Cell[] = [this.#cell];
    for (let i = 0; i < subtree.length; i++) {
      for (const child of (subtree[i] as Cell).children) subtree.push(child);
    }
    for (const cell of subtree.reverse()) {
      if (cell === this.#cell) this.abandon();
      else cell.forceEnd();
    }
  }

  /** Goes on without what still runs of this actor itself. Its children have ended. */
  abandon(): void {
    const cell = this.#cell;
    if (cell.isBusy) cell.revokeHandler();
    this.advance();
    if (this.#hooks !== "running") return;
    cell.engine.logger.warn("stop hooks were abandoned at the deadline", { actor: cell.path });
    this.#hooks = "done";
    this.advance();
  }
}
