/** A queue in a ring of slots: putting in and taking out allocates nothing, and an empty one stays small. */
const firstSlots = 4;
const keptSlots = 64;

export class Fifo<T> {
  length = 0;
  /** Its size is a power of two, or 0; slots out of use hold `undefined`. */
  #ring: (T | undefined)[] = [];
  #head = 0;

  get first(): T | undefined {
    return this.#ring[this.#head];
  }

  push(item: T): void {
    if (this.length === this.#ring.length) this.#grow();
    this.#ring[(this.#head + this.length) & (this.#ring.length - 1)] = item;
    this.length++;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#ring[this.#head];
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#ring.length - 1);
    this.length--;
    if (this.length === 0 && this.#ring.length > keptSlots) {
      this.#ring = [];
      this.#head = 0;
    }
    return item;
  }

  *[Symbol.iterator](): Iterator<T> {
    for (let index = 0; index < this.length; index++) {
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
