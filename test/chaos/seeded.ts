/** Chance from a seed: the same one gives the same run as far as processes and disks allow it. */
export class Seeded {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A whole number from 0 up to `below`. */
  below(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  shuffled<T>(items: readonly T[]): T[] {
    const left = [...items];
    const dealt: T[] = [];
    while (left.length > 0) dealt.push(...left.splice(this.below(left.length), 1));
    return dealt;
  }
}
