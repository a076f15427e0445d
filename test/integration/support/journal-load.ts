import type { Journal, Position } from "../../../src/actors/persistence/journal.ts";
import { Confirmations } from "./confirmations.ts";

/** Appends to every shard as fast as it can; what is uncertain is sent again, as an owner does. */
export class JournalLoad {
  readonly confirmations: Confirmations;
  uncertain = 0;
  readonly #journal: Journal;
  readonly #confirmed: { readonly shard: number; readonly at: Position; readonly text: string }[] =
    [];
  readonly #loops: Promise<unknown>;
  #isEnding = false;

  constructor(journal: Journal) {
    const { shards } = journal;
    this.#journal = journal;
    this.confirmations = new Confirmations(shards);
    this.#loops = Promise.all(Array.from({ length: shards }, (_, shard) => this.#loop(shard)));
  }

  async #loop(shard: number): Promise<void> {
    let expected = 0;
    for (let number = 0; !this.#isEnding; ) {
      const text = `${shard}-${number}`;
      const [result] = await this.#journal.append([{ shard, expected, bytes: Buffer.from(text) }]);
      if (result?.outcome === "refused" && !this.#isEnding) throw result.cause;
      if (result?.outcome !== "at") {
        this.uncertain++;
        continue;
      }
      this.confirmations.note(shard);
      this.#confirmed.push({ shard, at: result.at, text });
      expected = result.next;
      number++;
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await this.#loops;
  }

  /** What was confirmed and is not where it was confirmed, as another reader sees it. */
  async missingFrom(journal: Journal): Promise<readonly string[]> {
    const found = new Map<string, string>();
    for (let shard = 0; shard < journal.shards; shard++) {
      for (let position = 0; ; ) {
        const page = await journal.read(shard, position, 1 << 20);
        if (page.records.length === 0) break;
        for (const { position: at, bytes } of page.records) {
          found.set(`${shard}@${at}`, Buffer.from(bytes).toString());
        }
        position = page.next;
      }
    }
    return this.#confirmed.flatMap(({ shard, at, text }) =>
      found.get(`${shard}@${at}`) === text ? [] : [text],
    );
  }
}
