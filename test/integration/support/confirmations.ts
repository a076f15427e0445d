import { waitUntil } from "../../support/wait-until.ts";

/** When each shard was confirmed a write, by `performance.now()`. */
export class Confirmations {
  readonly shards: number;
  readonly #timesMs: readonly number[][];

  constructor(shards: number) {
    this.shards = shards;
    this.#timesMs = Array.from({ length: shards }, () => []);
  }

  note(shard: number): void {
    this.#timesMs[shard]?.push(performance.now());
  }

  firstAfter(shard: number, ms: number): number | undefined {
    return this.#timesMs[shard]?.find((time) => time > ms);
  }

  /** How many shards were confirmed a write since. */
  movedSince(ms: number): number {
    return this.#timesMs.filter((times) => (times.at(-1) ?? 0) > ms).length;
  }

  /** Resolves when every shard has been confirmed another write. */
  async allMove(): Promise<void> {
    const sinceMs = performance.now();
    await waitUntil(
      "every shard confirms writes",
      () => this.movedSince(sinceMs) === this.#timesMs.length,
    );
  }

  /** Resolves when each of these shards has been confirmed so many writes more. */
  async moreOf(shards: readonly number[], count: number): Promise<void> {
    const enough = shards.map((shard) => this.#countOf(shard) + count);
    await waitUntil(`shards ${shards.join(", ")} confirm ${count} writes more`, () =>
      shards.every((shard, index) => this.#countOf(shard) >= (enough[index] ?? 0)),
    );
  }

  #countOf(shard: number): number {
    return this.#timesMs[shard]?.length ?? 0;
  }

  /** The longest time since `ms` without a confirmed write. */
  longestPauseMs(shard: number, ms: number): number {
    let last = ms;
    let longest = 0;
    for (const time of this.#timesMs[shard] ?? []) {
      if (time < ms) continue;
      longest = Math.max(longest, time - last);
      last = time;
    }
    return longest;
  }
}
