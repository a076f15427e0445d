import type { Cell } from "./cell.ts";
import type { Engine } from "./engine.ts";
import type { TurnSource, Turns } from "./nact-turns.ts";

/**
 * Gives the actors their turns: a run queue of cells that have something to do.
 *
 *   I1. A cell is in the queue at most once (`cell.queued`).
 *   I2. A cell handles at most `turnMessagesMax` messages, then goes to the end of the queue.
 *   I3. After `sliceMs` of work the event loop has its turn before the queue goes on.
 */
export class Dispatcher {
  readonly #engine: Engine;
  readonly #turns: Turns;
  #queue: Cell[] = [];
  #head = 0;
  #requested = false;

  constructor(engine: Engine, source: TurnSource) {
    this.#engine = engine;
    this.#turns = source(() => this.#slice());
  }

  add(cell: Cell): void {
    cell.queued = true;
    this.#queue.push(cell);
    this.#request();
  }

  stop(): void {
    this.#turns.stop();
  }

  #request(): void {
    if (this.#requested) return;
    this.#requested = true;
    this.#turns.request();
  }

  #slice(): void {
    const { clock, limits } = this.#engine;
    const untilMs = clock.monotonicMs() + limits.sliceMs;
    let chunk = 1;
    while (this.#head < this.#queue.length) {
      // The queue holds a cell at every index from head to its length.
      const cell = this.#queue[this.#head] as Cell;
      this.#queue[this.#head] = undefined as unknown as Cell;
      this.#head++;
      cell.queued = false;
      chunk = this.#run(cell, chunk);
      if (cell.isReady && !cell.queued) {
        cell.queued = true;
        this.#queue.push(cell);
      }
      if (clock.monotonicMs() >= untilMs) break;
    }
    this.#compact();
    this.#requested = false;
    if (this.#queue.length > 0) this.#request();
    else this.#engine.asks.idle();
  }

  /** Runs one cell, looking at the clock after chunks that grow while its messages are quick. */
  #run(cell: Cell, firstChunk: number): number {
    const { clock, limits } = this.#engine;
    let chunk = firstChunk;
    let left = limits.turnMessagesMax;
    let beforeMs = clock.monotonicMs();
    do {
      const handled = cell.drain(Math.min(chunk, left));
      left -= Math.max(1, handled);
      const nowMs = clock.monotonicMs();
      chunk = nowMs - beforeMs > limits.sliceMs / 4 ? 1 : Math.min(chunk * 2, 64);
      if (nowMs - beforeMs > limits.sliceMs) break;
      beforeMs = nowMs;
    } while (left > 0 && cell.isReady);
    return chunk;
  }

  #compact(): void {
    if (this.#head === this.#queue.length) {
      this.#queue = [];
      this.#head = 0;
    } else if (this.#head > 1024) {
      this.#queue = this.#queue.slice(this.#head);
      this.#head = 0;
    }
  }
}
