/**
 * A first-in, first-out queue in a ring whose capacity is a power of two.
 *
 *   I1. Items leave in the order in which they came.
 *   I2. Slots outside of the queue hold `undefined`, so nothing is kept alive by it.
 */
export class Ring<T extends object> {
  length = 0;
  #slots: (T | undefined)[] = new Array<T | undefined>(16).fill(undefined);
  #head = 0;

  push(item: T): void {
    if (this.length === this.#slots.length) this.#grow();
    this.#slots[(this.#head + this.length) & (this.#slots.length - 1)] = item;
    this.length++;
  }

  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#slots[this.#head];
    this.#slots[this.#head] = undefined;
    this.#head = (this.#head + 1) & (this.#slots.length - 1);
    this.length--;
    return item;
  }

  /** Brings the item at `index` to the front, in place of the first. */
  swapToFront(index: number): void {
    const mask = this.#slots.length - 1;
    const at = (this.#head + index) & mask;
    const first = this.#slots[this.#head];
    this.#slots[this.#head] = this.#slots[at];
    this.#slots[at] = first;
  }

  #grow(): void {
    const size = this.#slots.length;
    const slots = new Array<T | undefined>(size * 2).fill(undefined);
    for (let i = 0; i < size; i++) slots[i] = this.#slots[(this.#head + i) & (size - 1)];
    this.#slots = slots;
    this.#head = 0;
  }
}
