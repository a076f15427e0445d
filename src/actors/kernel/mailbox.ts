/**
 * The queue in front of an actor: a ring of slots, two per message, so that sending allocates
 * nothing but the message itself.
 *
 * Boundary: order and storage only. Bounds and what happens at them belong to the cell.
 *
 *   I1. Messages leave in the order in which they came, but for `unshift`, which puts back.
 *   I2. `length` is the number of messages; slots outside of them hold `undefined`.
 *   I3. The ring's capacity is a power of two; an empty mailbox keeps at most `keptSlots`.
 */
import { giveSlots, takeSlots } from "./slot-pool.ts";

const firstSlots = 8;
const keptSlots = 64;
const empty: unknown[] = [];

export class Mailbox<How> {
  length = 0;
  #ring: unknown[] = empty;
  #head = 0;

  /** Adds a message at the end. */
  push(what: unknown, how: How): void {
    if (this.length * 2 === this.#ring.length) this.#grow();
    const mask = this.#ring.length - 1;
    const at = (this.#head + this.length * 2) & mask;
    this.#ring[at] = what;
    this.#ring[at + 1] = how;
    this.length++;
  }

  /** Puts a message back at the front. */
  unshift(what: unknown, how: How): void {
    if (this.length * 2 === this.#ring.length) this.#grow();
    this.#head = (this.#head - 2) & (this.#ring.length - 1);
    this.#ring[this.#head] = what;
    this.#ring[this.#head + 1] = how;
    this.length++;
  }

  /** What the first message says. Only when `length > 0`. */
  firstWhat(): unknown {
    return this.#ring[this.#head];
  }

  /** How the first message came. Only when `length > 0`. */
  firstHow(): How {
    return this.#ring[this.#head + 1] as How;
  }

  /** Drops the first message. Only when `length > 0`. */
  dropFirst(): void {
    const head = this.#head;
    this.#ring[head] = undefined;
    this.#ring[head + 1] = undefined;
    this.#head = (head + 2) & (this.#ring.length - 1);
    this.length--;
    if (this.length === 0 && this.#ring.length > keptSlots) this.#release();
  }

  /** What the last message says. Only when `length > 0`. */
  lastWhat(): unknown {
    return this.#ring[this.#last()];
  }

  /** How the last message came. Only when `length > 0`. */
  lastHow(): How {
    return this.#ring[this.#last() + 1] as How;
  }

  /** Drops the last message. Only when `length > 0`. */
  dropLast(): void {
    const last = this.#last();
    this.#ring[last] = undefined;
    this.#ring[last + 1] = undefined;
    this.length--;
  }

  #last(): number {
    return (this.#head + this.length * 2 - 2) & (this.#ring.length - 1);
  }

  #release(): void {
    giveSlots(this.#ring);
    this.#ring = empty;
    this.#head = 0;
  }

  #grow(): void {
    const old = this.#ring;
    const size = old.length;
    const ring = takeSlots(Math.max(firstSlots, size * 4));
    for (let i = 0; i < size; i++) ring[i] = old[(this.#head + i) & (size - 1)];
    this.#ring = ring;
    this.#head = 0;
    if (size > firstSlots) giveSlots(old.fill(undefined));
  }
}
