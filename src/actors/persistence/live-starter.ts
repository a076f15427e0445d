import { Fifo } from "./fifo.ts";

/**
 * Starts the entities that have to be awake, a bounded number at a time: after a crash of
 * everything there may be very many, and what waits here is only their ids.
 */
export class LiveStarter {
  readonly #max: number;
  readonly #start: (persistenceId: string) => void;
  readonly #waiting = new Fifo<string>();
  readonly #starting = new Set<string>();

  constructor(max: number, start: (persistenceId: string) => void) {
    this.#max = max;
    this.#start = start;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  add(persistenceId: string): void {
    this.#waiting.push(persistenceId);
    this.#next();
  }

  /** The entity is there, or could not be brought back: its place is free. */
  ended(persistenceId: string): void {
    if (this.#starting.delete(persistenceId)) this.#next();
  }

  #next(): void {
    while (this.#starting.size < this.#max) {
      const persistenceId = this.#waiting.shift();
      if (persistenceId === undefined) return;
      if (this.#starting.has(persistenceId)) continue;
      this.#starting.add(persistenceId);
      this.#start(persistenceId);
    }
  }
}
