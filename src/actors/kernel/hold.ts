import type { Cell } from "./cell.ts";
import type { Timer } from "./clock.ts";
import type { Engine } from "./engine.ts";
import type { Incarnation } from "./incarnation.ts";

/** A handler whose promise has not settled: it holds its actor. */
export interface Hold {
  readonly cell: Cell;
  readonly life: Incarnation;
  readonly sinceMs: number;
  previous: Hold | undefined;
  next: Hold | undefined;
}

/**
 * The handlers that hold their actors, oldest first, so that one that never ends is noticed
 * and named. One timer in the background looks at the head of the list.
 */
export class Holds {
  readonly #engine: Engine;
  #first: Hold | undefined;
  #last: Hold | undefined;
  #timer: Timer | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  add(cell: Cell, life: Incarnation): Hold {
    const sinceMs = this.#engine.dispatcher.aboutMs;
    const hold: Hold = { cell, life, sinceMs, previous: this.#last, next: undefined };
    if (this.#last === undefined) this.#first = hold;
    else this.#last.next = hold;
    this.#last = hold;
    if (this.#timer === undefined) this.#arm(this.#engine.limits.handlerWarnMs);
    return hold;
  }

  /** Its handler has ended, was revoked, or was warned of. Does nothing the second time. */
  remove(hold: Hold): void {
    if (hold.previous === undefined && this.#first !== hold) return;
    if (hold.previous === undefined) this.#first = hold.next;
    else hold.previous.next = hold.next;
    if (hold.next === undefined) this.#last = hold.previous;
    else hold.next.previous = hold.previous;
    hold.previous = undefined;
    hold.next = undefined;
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): void {
    this.#timer = this.#engine.clock.setTimer(delayMs, () => this.#look(), { background: true });
  }

  #look(): void {
    this.#timer = undefined;
    const { clock, limits } = this.#engine;
    const nowMs = clock.monotonicMs();
    for (let hold = this.#first; hold !== undefined; hold = this.#first) {
      const heldMs = nowMs - hold.sinceMs;
      if (heldMs < limits.handlerWarnMs) {
        this.#arm(limits.handlerWarnMs - heldMs);
        return;
      }
      this.remove(hold);
      this.#engine.stuck(hold.cell, heldMs);
    }
  }
}
