import type { Clock, Timer } from "./clock.ts";
import { TroupeError } from "./troupe-error.ts";

/**
 * Outstanding asks and their deadlines.
 *
 *   I1. An ask settles once: by its reply, its failure, its timeout or its caller's signal.
 *   I2. Asks with one timeout form one list in the order of their deadlines, so that arming,
 *       settling and expiring an ask are O(1), and one timer serves the whole list.
 *   I3. No timer is armed when no ask is outstanding and the kernel is idle.
 */
export class Ask {
  readonly actor: string;
  readonly command: string;
  deadlineMs = 0;
  previous: Ask | undefined;
  next: Ask | undefined;
  list: DeadlineList | undefined;
  #forget: (() => void) | undefined;
  #resolve: ((value: unknown) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;

  constructor(
    actor: string,
    command: string,
    settle: { resolve: (value: unknown) => void; reject: (error: unknown) => void },
  ) {
    this.actor = actor;
    this.command = command;
    this.#resolve = settle.resolve;
    this.#reject = settle.reject;
  }

  get settled(): boolean {
    return this.#resolve === undefined;
  }

  /** Ends the wait when the caller's signal fires. */
  obey(signal: AbortSignal): void {
    const abort = (): void => {
      const { actor, command } = this;
      const cause: unknown = signal.reason;
      this.reject(new TroupeError("TROUPE_CALL_ABORTED", { actor, command }, { cause }));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    this.#forget = () => signal.removeEventListener("abort", abort);
  }

  /** Gives the reply. False when the ask had settled before: the reply came too late. */
  resolve(value: unknown): boolean {
    const resolve = this.#resolve;
    if (resolve === undefined) return false;
    this.#close();
    resolve(value);
    return true;
  }

  /** Fails the ask. False when it had settled before. */
  reject(error: unknown): boolean {
    const reject = this.#reject;
    if (reject === undefined) return false;
    this.#close();
    reject(error);
    return true;
  }

  #close(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    this.list?.remove(this);
    this.#forget?.();
  }
}

class DeadlineList {
  readonly timeoutMs: number;
  readonly #asks: Asks;
  #first: Ask | undefined;
  #last: Ask | undefined;
  #timer: Timer | undefined;

  constructor(timeoutMs: number, asks: Asks) {
    this.timeoutMs = timeoutMs;
    this.#asks = asks;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  add(ask: Ask): void {
    ask.list = this;
    ask.deadlineMs = this.#asks.clock.monotonicMs() + this.timeoutMs;
    ask.previous = this.#last;
    if (this.#last === undefined) this.#first = ask;
    else this.#last.next = ask;
    this.#last = ask;
    this.#asks.outstanding++;
    this.#timer ??= this.#arm(this.timeoutMs);
  }

  remove(ask: Ask): void {
    if (ask.previous === undefined) this.#first = ask.next;
    else ask.previous.next = ask.next;
    if (ask.next === undefined) this.#last = ask.previous;
    else ask.next.previous = ask.previous;
    ask.previous = undefined;
    ask.next = undefined;
    ask.list = undefined;
    this.#asks.settled();
  }

  disarm(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #arm(delayMs: number): Timer {
    return this.#asks.clock.setTimer(delayMs, () => this.#expire());
  }

  #expire(): void {
    this.#timer = undefined;
    const nowMs = this.#asks.clock.monotonicMs();
    for (let ask = this.#first; ask !== undefined && ask.deadlineMs <= nowMs; ask = this.#first) {
      const { actor, command } = ask;
      const timeoutMs = this.timeoutMs;
      ask.reject(new TroupeError("TROUPE_ASK_TIMEOUT", { actor, command, timeoutMs }));
    }
    if (this.#first !== undefined) this.#timer = this.#arm(this.#first.deadlineMs - nowMs);
  }
}

export class Asks {
  readonly clock: Clock;
  /** Asks that have not settled. */
  outstanding = 0;
  readonly #lists = new Map<number, DeadlineList>();
  readonly #onNone: () => void;

  /** `onNone` is called whenever the last outstanding ask has settled. */
  constructor(clock: Clock, onNone: () => void = () => {}) {
    this.clock = clock;
    this.#onNone = onNone;
  }

  /** An ask has settled. */
  settled(): void {
    if (--this.outstanding === 0) this.#onNone();
  }

  /** Arms the timeout of an ask. */
  add(ask: Ask, timeoutMs: number): void {
    let list = this.#lists.get(timeoutMs);
    if (list === undefined) {
      list = new DeadlineList(timeoutMs, this);
      this.#lists.set(timeoutMs, list);
    }
    list.add(ask);
  }

  /** Called when there is nothing else to do: disarms timers that wait for nothing. */
  idle(): void {
    if (this.outstanding > 0 || this.#lists.size === 0) return;
    for (const list of this.#lists.values()) list.disarm();
    this.#lists.clear();
  }
}
