import { shardOfId } from "../../../src/actors/persistence/shard-hash.ts";
import { definePersistentActor, isTroupeError, type System } from "../../../src/index.ts";
import { Confirmations } from "./confirmations.ts";

export const Counter = definePersistentActor("counter", { initialState: () => 0 })
  .events({ added: (state: number) => state + 1 })
  .commands({
    add: (counter) => {
      counter.persist("added");
      return counter.state;
    },
  });

/** One actor for each shard, that counts as fast as it can; a call of unknown outcome is repeated under its key. */
export class CounterLoad {
  readonly confirmations: Confirmations;
  /** What was not a count's successor. */
  readonly wrong: string[] = [];
  readonly #system: System;
  readonly #loops: Promise<unknown>;
  #isEnding = false;

  constructor(system: System, shards: number) {
    this.#system = system;
    this.confirmations = new Confirmations(shards);
    this.#loops = Promise.all(Array.from({ length: shards }, (_, shard) => this.#loop(shard)));
  }

  async #loop(shard: number): Promise<void> {
    const id = idIn(shard, this.confirmations.shards);
    for (let count = 1; !this.#isEnding; count++) {
      const found = await this.#add(id, `add-${count}`);
      if (found === undefined) return;
      this.confirmations.note(shard);
      if (found !== count) this.wrong.push(`${id}: ${found} instead of ${count}`);
    }
  }

  async #add(id: string, idempotencyKey: string): Promise<number | undefined> {
    while (!this.#isEnding) {
      try {
        return await this.#system.actor(Counter, id).with({ idempotencyKey }).add();
      } catch (error) {
        if (!isTroupeError(error)) throw error;
      }
    }
    return undefined;
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#loops;
  }
}

function idIn(shard: number, shards: number): string {
  for (let number = 0; ; number++) {
    if (shardOfId(`counter/${number}`, shards) === shard) return String(number);
  }
}
