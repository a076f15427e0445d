/** Reads a shard from its first record on, page by page, each record judged. Never ends at damage of frames. */
import { limits } from "../../kernel/index.ts";
import type { Journal, Position } from "../journal.ts";
import { type JudgedRecord, openingState, RecordJudge } from "../record-judge.ts";
import type { ReplayState } from "../replay-rule.ts";

export class ShardReading {
  readonly shard: number;
  /** Where this reading began. */
  readonly low: Position;
  readonly #journal: Journal;
  readonly #judge: RecordJudge;
  #at: Position;

  /** Begins where `state` is known to be what all records before `low` lead to. */
  constructor(
    journal: Journal,
    shard: number,
    start: { readonly low: Position; readonly state: ReplayState },
  ) {
    this.#journal = journal;
    this.shard = shard;
    this.low = start.low;
    this.#at = start.low;
    this.#judge = new RecordJudge({ journalId: journal.journalId, shard }, start.state);
  }

  /** From the first record that the shard still has. */
  static async open(journal: Journal, shard: number): Promise<ShardReading> {
    return new ShardReading(
      journal,
      shard,
      await openingState(journal, shard, limits.readPageBytes),
    );
  }

  /** Where the next record begins, or later. */
  get at(): Position {
    return this.#at;
  }

  get state(): ReplayState {
    return this.#judge.state;
  }

  /** The next records below `to`; empty = there are none now. */
  async next(to: Position = Number.POSITIVE_INFINITY): Promise<readonly JudgedRecord[]> {
    if (this.#at >= to) return [];
    const page = await this.#journal.read(this.shard, this.#at, limits.readPageBytes);
    const records = page.records.filter(({ position }) => position < to);
    if (records.length > 0) this.#at = (records.at(-1) as (typeof records)[number]).next;
    return records.map((record) => this.#judge.take(record));
  }

  /** All records up to the present end of the shard, or to `to`. */
  async *pages(to?: Position): AsyncGenerator<readonly JudgedRecord[]> {
    const end = to ?? (await this.#journal.tail(this.shard)).end;
    for (;;) {
      const page = await this.next(end);
      if (page.length === 0) return;
      yield page;
    }
  }
}
