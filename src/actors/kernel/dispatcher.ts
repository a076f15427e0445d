import type { Cell } from "./cell.ts";
import type { Engine } from "./engine.ts";
import type { TurnSource, Turns } from "./nact-turns.ts";
import { Ring } from "./ring.ts";

/**
 * Gives the actors their turns: a run queue of cells that have something to do.
 *
 *   I1. A cell is in the queue at most once (`cell.queued`).
 *   I2. A cell handles at most `turnMessagesMax` messages, then goes to the end of the queue.
 *   I3. A slice handles about `turnMessagesMax` messages; then code that awaits a reply goes on.
 *   I4. After `sliceMs` of slices, or `slicesSoonMax` of them, the event loop has its turn before
 *       the queue goes on.
 *   I5. What a turn throws ends its actor, and no other's turns.
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
    if (this.#slicesLeft === 0 || this.#turns.requestSoon === undefined) this.#request();
    else {
      this.#requestedSoon = true;
      this.#turns.requestSoon();
    }
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
    asks.stamp(nowMs);
    if (this.#requestedSoon) {
      this.#requestedSoon = false;
      // Over: what is queued waits for the next round.
      this.#slicesLeft = nowMs < this.#untilMs ? this.#slicesLeft - 1 : 0;
    } else {
      this.#requested = false;
      this.#slicesLeft = slicesSoonMax;
      this.#untilMs = nowMs + limits.sliceMs;
      if (this.#queue.length === 0) asks.idle();
    }
    if (this.#slicesLeft > 0) this.#slice();
    if (this.#queue.length > 0) this.#wake();
  }

  /** Asks for a round that finds the kernel idle and disarms what waits for nothing. */
  tidy(): void {
    if (this.#stopped) this.#engine.asks.idle();
    else this.#request();
  }

  #slice(): void {
    const { turnMessagesMax } = this.#engine.limits;
    const picks = this.#turns.pick !== undefined;
    let left = picks ? 1 : turnMessagesMax;
    let last: Cell | undefined;
    this.#running = true;
    do {
      if (picks && this.#queue.length > 1) {
        this.#queue.swapToFront(this.#turns.pick?.(this.#queue.length) ?? 0);
      }
      const cell = this.#queue.shift();
      if (cell === undefined) break;
      cell.queued = false;
      try {
        left -= this.#run(cell, picks ? 1 : turnMessagesMax);
      } catch (error) {
        // Nothing that one actor brings about may end the turns of all others.
        this.#engine.fault(cell, error);
        left -= 1;
      }
      if (cell.isReady && !cell.queued) {
        cell.queued = true;
        this.#queue.push(cell);
      }
      last = cell;
    } while (left > 0);
    this.#running = false;
    if (this.#sinceReading > 0 && last !== undefined) this.#readClock(last);
  }

  /** Runs one cell. Returns how many messages it handled, at least 1. */
  #run(cell: Cell, messagesMax: number): number {
    const { observer, clock } = this.#engine;
    if (observer?.messagesHandled === undefined) return this.#drain(cell, messagesMax);
    const beforeMs = clock.monotonicMs();
    const before = cell.handled;
    const handled = this.#drain(cell, messagesMax);
    const messages = cell.handled - before;
    const tookMs = clock.monotonicMs() - beforeMs;
    if (messages > 0) observer.messagesHandled(cell.observed, messages, tookMs);
    return handled;
  }

  #drain(cell: Cell, messagesMax: number): number {
    let handled = 0;
    do {
      const messages =
        cell.drain(Math.min(messagesMax - handled, this.#chunk - this.#sinceReading)) || 1;
      handled += messages;
      this.#sinceReading += messages;
      // Over: the rest of this cell waits for the next round.
      if (this.#sinceReading >= this.#chunk && this.#readClock(cell)) return messagesMax;
    } while (handled < messagesMax && cell.isReady);
    return handled;
  }

  /** Adapts the pace and notices who blocks. True when the slices of this round are over. */
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
