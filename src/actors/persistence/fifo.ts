/**
 * A queue whose first item stands in the queue itself, and the others in a ring of slots: most queues never have a
 * second one, and so touch no other memory. Putting in and taking out allocates nothing.
 */
const firstSlots = 4;
const keptSlots = 64;

export class Fifo<T> {
  length = 0;
  first: T | undefined = undefined;
  /** The items after the first. Its size is a power of two, or 0; slots out of use hold `undefined`. */
  #ring: (T | undefined)[] = noSlots;
  #head = 0;

  push(item: T): void {
    if (this.length === 0) this.first = item;
    else this.#pushBehind(item);
    this.length++;
  }

  #pushBehind(item: T): void {
    const behind = this.length - 1;
    if (behind === this.#ring.length) this.#grow();
    this.#ring[(this.#head + behind) & (this.#ring.length - 1)] = item;
  }

  shift(): T | undefined {
    const item = this.first;
    if (this.length > 1) this.#moveUp();
    else {
      this.first = undefined;
      this.length = 0;
    }
    return item;
  }

  #moveUp(): void {
    const ring = this.#ring;
    this.first = ring[this.#head];
    ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (ring.length - 1);
    this.length--;
    if (this.length === 1 && ring.length > keptSlots) {
      this.#ring = noSlots;
      this.#head = 0;
    }
  }

  *[Symbol.iterator](): Iterator<T> {
    if (this.length === 0) return;
    yield this.first as T;
    for (let index = 0; index < this.length - 1; index++) {
      yield this.#ring[(this.#head + index) & (this.#ring.length - 1)] as T;
    }
  }

  #grow(): void {
    const ring = this.#ring;
    const grown = ring.slice(this.#head).concat(ring.slice(0, this.#head));
    grown.length = Math.max(firstSlots, ring.length * 2);
    this.#ring = grown.fill(undefined, ring.length);
    this.#head = 0;
  }
}

/** Shared by all queues that have no ring yet; nothing is ever put into it. */
const noSlots: undefined[] = [];
