import { Fifo } from "./fifo.ts";

/** How many entities read their events at the same time: the rest wait in the order they came. */
export class RecoveryPermits {
  readonly #max: number;
  readonly #waiting = new Fifo<() => void>();
  #taken = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get taken(): number {
    return this.#taken;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  async run<T>(recover: () => Promise<T>): Promise<T> {
    if (this.#taken >= this.#max) {
      await new Promise<void>((resolve) => {
        this.#waiting.push(resolve);
      });
    } else {
      this.#taken++;
    }
    try {
      return await recover();
    } finally {
      // The permit goes from hand to hand; only when nobody waits is it given back.
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken--;
      else next();
    }
  }
}
