import type { Cell } from "./cell.ts";
import type { Engine } from "./engine.ts";
import type { TurnSource, Turns } from "./nact-turns.ts";
import { Ring } from "./ring.ts";

/**
 * Gives the actors their turns: a run queue of cells that have something to do.
 *
 *   I1. A cell is in the queue at most once (`cell.queued`).
 *   I2. A cell handles at most `turnMessagesMax` messages, then goes to the end of the queue.
 *   I3. After `sliceMs` of work, or `slicesSoonMax` slices, the event loop has its turn before
 *       the queue goes on. Until then a slice may be followed by one in the same round, which
 *       is what makes a reply quick.
 */

/** Slices in one round of the event loop; bounds what a clock that stands still cannot. */
const slicesSoonMax = 1_000;

/** The clock is read after so many messages at most. */
const chunkMax = 64;

export class Dispatcher {
  readonly #engine: Engine;
  readonly #turns: Turns;
  readonly #queue = new Ring<Cell>();
  #running = false;
  #requested = false;
  #requestedSoon = false;
  #stopped = false;
  /** The slices of this round end then. */
  #untilMs = 0;
  #slicesLeft = 0;
  /** Messages between two readings of the clock: few while they are slow. */
  #chunk = 1;
  #sinceReading = 0;
  /** The last reading of the clock. */
  #readMs = 0;

  constructor(engine: Engine, source: TurnSource) {
    this.#engine = engine;
    this.#turns = source(() => this.#enter());
  }

  /** A recent monotonic time, to about a slice: free of the cost of reading the clock. */
  get aboutMs(): number {
    return this.#readMs;
  }

  get ready(): number {
    return this.#queue.length;
  }

  add(cell: Cell): void {
    cell.queued = true;
    this.#queue.push(cell);
    if (!this.#running && !this.#requestedSoon) this.#wake();
  }

  stop(): void {
    this.#stopped = true;
    this.#turns.stop();
  }

  #wake(): void {
    if (this.#slicesLeft > 0 && this.#turns.requestSoon !== undefined) {
      if (this.#engine.clock.monotonicMs() < this.#untilMs) {
        this.#requestedSoon = true;
        this.#turns.requestSoon();
        return;
      }
      this.#slicesLeft = 0;
    }
    this.#request();
  }

  #request(): void {
    if (this.#requested || this.#stopped) return;
    this.#requested = true;
    this.#turns.request();
  }

  /** Called by the source, for both kinds of request. */
  #enter(): void {
    const { clock, limits, asks } = this.#engine;
    const nowMs = clock.monotonicMs();
    this.#readMs = nowMs;
    this.#sinceReading = 0;
    if (this.#requestedSoon) {
      this.#requestedSoon = false;
      this.#slicesLeft--;
    } else {
      this.#requested = false;
      this.#slicesLeft = slicesSoonMax;
      this.#untilMs = nowMs + limits.sliceMs;
      if (this.#queue.length === 0) {
        asks.idle();
        return;
      }
    }
    this.#slice();
    if (this.#queue.length > 0) this.#request();
  }

  /** Asks for a round that finds the kernel idle and disarms what waits for nothing. */
  tidy(): void {
    if (this.#stopped) this.#engine.asks.idle();
    else this.#request();
  }

  #slice(): void {
    this.#running = true;
    const picks = this.#turns.pick !== undefined;
    for (;;) {
      if (picks && this.#queue.length > 1) {
        this.#queue.swapToFront(this.#turns.pick?.(this.#queue.length) ?? 0);
      }
      const cell = this.#queue.shift();
      if (cell === undefined) break;
      cell.queued = false;
      const isOver = this.#run(cell, picks ? 1 : this.#engine.limits.turnMessagesMax);
      if (cell.isReady && !cell.queued) {
        cell.queued = true;
        this.#queue.push(cell);
      }
      if (isOver) break;
    }
    this.#running = false;
  }

  /** Runs one cell. True when the slice is over. */
  #run(cell: Cell, messagesMax: number): boolean {
    const { observer, clock } = this.#engine;
    if (observer?.messagesHandled === undefined) return this.#drain(cell, messagesMax);
    const beforeMs = clock.monotonicMs();
    const before = cell.handled;
    const isOver = this.#drain(cell, messagesMax);
    const handled = cell.handled - before;
    if (handled > 0)
      observer.messagesHandled(cell.observed, handled, clock.monotonicMs() - beforeMs);
    return isOver;
  }

  #drain(cell: Cell, messagesMax: number): boolean {
    let left = messagesMax;
    do {
      const handled = cell.drain(Math.min(left, this.#chunk - this.#sinceReading)) || 1;
      left -= handled;
      this.#sinceReading += handled;
      if (this.#sinceReading >= this.#chunk && this.#readClock(cell)) return true;
    } while (left > 0 && cell.isReady);
    return false;
  }

  #readClock(cell: Cell): boolean {
    const { clock, limits } = this.#engine;
    const nowMs = clock.monotonicMs();
    const tookMs = nowMs - this.#readMs;
    if (tookMs >= limits.blockWarnMs) this.#engine.blocked(cell, tookMs, this.#sinceReading);
    if (tookMs > limits.sliceMs / 4) this.#chunk = 1;
    else this.#chunk = Math.min(this.#chunk * 2, chunkMax);
    this.#readMs = nowMs;
    this.#sinceReading = 0;
    return nowMs >= this.#untilMs;
  }
}
