import type { Ask } from "./ask.ts";
import type { Clock, Timer } from "./clock.ts";
import { TroupeError } from "./troupe-error.ts";

/** What the owner of the asks is told. */
export interface AsksOwner {
  /** The last outstanding ask has settled. */
  none(): void;
  /** An ask waits for its deadline to be set: `Asks.stamp` has to be called soon. */
  unstamped(): void;
}

/**
 * The outstanding asks and their deadlines.
 *
 *   I1. Asks with one timeout form one list in the order of their deadlines, so that adding,
 *       settling and expiring an ask are O(1), and one timer serves the whole list.
 *   I2. With an owner, the clock is read once for all asks of a round: their time begins with
 *       `stamp`. So no ask ends early, and none later than one round of the event loop.
 *   I3. No timer is armed when no ask is outstanding and `idle` was called.
 */
export class Asks {
  readonly clock: Clock;
  /** Asks that have not settled. */
  outstanding = 0;
  readonly #owner: AsksOwner | undefined;
  readonly #lists = new Map<number, DeadlineList>();
  #unstamped: Ask[] = [];
  #latest: DeadlineList | undefined;

  constructor(clock: Clock, owner?: AsksOwner) {
    this.clock = clock;
    this.#owner = owner;
  }

  /** Ends the ask with TROUPE_ASK_TIMEOUT when nothing else has within `timeoutMs`. */
  add(ask: Ask, timeoutMs: number): void {
    const list = this.#listOf(timeoutMs);
    ask.list = list;
    this.outstanding++;
    if (this.#owner === undefined) {
      list.add(ask, this.clock.monotonicMs());
      return;
    }
    this.#unstamped.push(ask);
    if (this.#unstamped.length === 1) this.#owner.unstamped();
  }

  /** Begins the time of the asks that were added since the last call. */
  stamp(nowMs: number): void {
    const asks = this.#unstamped;
    if (asks.length === 0) return;
    for (const ask of asks) if (!ask.settled) ask.list?.add(ask, nowMs);
    // A new array after a burst, so that its memory is not kept.
    if (asks.length > 1_024) this.#unstamped = [];
    else asks.length = 0;
  }

  /** An ask has settled. */
  settled(): void {
    if (--this.outstanding === 0) this.#owner?.none();
  }

  /** Called when there is nothing else to do: disarms timers that wait for nothing. */
  idle(): void {
    if (this.outstanding > 0 || this.#lists.size === 0) return;
    this.#unstamped = [];
    this.#latest = undefined;
    for (const list of this.#lists.values()) list.disarm();
    this.#lists.clear();
  }

  #listOf(timeoutMs: number): DeadlineList {
    if (this.#latest?.timeoutMs === timeoutMs) return this.#latest;
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) {
      list = new DeadlineList(timeoutMs, this);
      this.#lists.set(timeoutMs, list);
    }
    this.#latest = list;
    return list;
  }
}

/** The outstanding asks of one timeout, the earliest deadline first. */
export class DeadlineList {
  readonly timeoutMs: number;
  readonly #asks: Asks;
  #first: Ask | undefined;
  #last: Ask | undefined;
  #timer: Timer | undefined;

  constructor(timeoutMs: number, asks: Asks) {
    this.timeoutMs = timeoutMs;
    this.#asks = asks;
  }

  add(ask: Ask, nowMs: number): void {
    // Whole, so that it is a number without memory of its own; up, so that no ask ends early.
    ask.deadlineMs = Math.ceil(nowMs + this.timeoutMs);
    ask.previous = this.#last;
    if (this.#last === undefined) this.#first = ask;
    else this.#last.next = ask;
    this.#last = ask;
    this.#timer ??= this.#arm(ask.deadlineMs - nowMs);
  }

  /** The ask has settled. */
  remove(ask: Ask): void {
    ask.list = undefined;
    if (ask.deadlineMs > 0) this.#unlink(ask);
    this.#asks.settled();
  }

  disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #unlink(ask: Ask): void {
    if (ask.previous === undefined) this.#first = ask.next;
    else ask.previous.next = ask.next;
    if (ask.next === undefined) this.#last = ask.previous;
    else ask.next.previous = ask.previous;
    ask.previous = undefined;
    ask.next = undefined;
  }

  #arm(delayMs: number): Timer {
    return this.#asks.clock.setTimer(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#asks.clock.monotonicMs();
    for (let ask = this.#first; ask !== undefined && ask.deadlineMs <= nowMs; ask = this.#first) {
      const { actor, command } = ask;
      const { timeoutMs } = this;
      ask.reject(new TroupeError("TROUPE_ASK_TIMEOUT", { actor, command, timeoutMs }));
    }
    if (this.#first !== undefined) this.#timer = this.#arm(this.#first.deadlineMs - nowMs);
  }
}
