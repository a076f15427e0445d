/** What is in a shard, counted: for a person who wants to know what is there and what was skipped. */

import { readPart } from "../checkpoint-codec.ts";
import { glanceAtEvents, TOMBSTONE } from "../event-codec.ts";
import type { Frame } from "../frame.ts";
import type { Journal, Position } from "../journal.ts";
import type { JudgedRecord } from "../record-judge.ts";
import { provesLoss, type SkipReason } from "../replay-rule.ts";
import { ShardReading } from "./shard-reading.ts";

export interface SkippedFrames {
  readonly reason: SkipReason;
  readonly count: number;
  /** Of the first ones. */
  readonly positions: readonly Position[];
  /** Acknowledged events are missing, or cannot be read. */
  readonly provesLoss: boolean;
}

export interface ShardReport {
  readonly shard: number;
  readonly low: Position;
  readonly end: Position;
  readonly records: number;
  readonly bytes: number;
  /** Frames that count. */
  readonly frames: number;
  readonly claims: number;
  readonly events: number;
  /** Not deleted. In a log that was cut, those with an event above the cut. */
  readonly entities: number;
  /** 0 = never claimed. */
  readonly term: number;
  /** Who holds the claim; "" = nobody yet. */
  readonly owner: string;
  /** Position of the last whole checkpoint that counts; -1 = none. */
  readonly checkpoint: Position;
  /** Events behind it: what a recovery has to read. */
  readonly eventsSinceCheckpoint: number;
  readonly skipped: readonly SkippedFrames[];
}

/** Of each reason, so many positions are named. */
const POSITIONS_SHOWN = 20;

/** Reads the whole shard. */
export async function inspectShard(journal: Journal, shard: number): Promise<ShardReport> {
  const pages = inspectedPages(journal, shard);
  for (;;) {
    const { done, value } = await pages.next();
    if (done === true) return value;
  }
}

/** Reads the whole shard as fast as its records are taken; returns what `inspectShard` does. */
export async function* inspectedPages(
  journal: Journal,
  shard: number,
): AsyncGenerator<readonly JudgedRecord[], ShardReport, void> {
  const { end } = await journal.tail(shard);
  const reading = await ShardReading.open(journal, shard);
  const counts = new ShardCounts();
  for await (const page of reading.pages(end)) {
    for (const judged of page) counts.take(judged);
    yield page;
  }
  const { term, node: owner } = reading.state;
  return { shard, low: reading.low, end, term, owner, ...counts.totals() };
}

class ShardCounts {
  #records = 0;
  #bytes = 0;
  #frames = 0;
  #claims = 0;
  #events = 0;
  #eventsSinceCheckpoint = 0;
  #eventsSinceFirstPart = 0;
  #checkpoint: Position = -1;
  readonly #entities = new Set<string>();
  readonly #skipped = new Map<SkipReason, { count: number; positions: Position[] }>();

  take({ record, frame, verdict }: JudgedRecord): void {
    this.#records += 1;
    this.#bytes += record.bytes.length;
    if (verdict !== "accept" || frame === undefined) {
      this.#skip(verdict as SkipReason, record.position);
      return;
    }
    this.#frames += 1;
    if (frame.kind === "claim") this.#claims += 1;
    else if (frame.kind === "data") this.#takeEvents(frame);
    else this.#takePart(frame, record.position);
  }

  #skip(reason: SkipReason, position: Position): void {
    const skipped = this.#skipped.get(reason) ?? { count: 0, positions: [] };
    skipped.count += 1;
    if (skipped.positions.length < POSITIONS_SHOWN) skipped.positions.push(position);
    this.#skipped.set(reason, skipped);
  }

  #takeEvents(frame: Frame): void {
    this.#events += frame.count;
    this.#eventsSinceCheckpoint += frame.count;
    this.#eventsSinceFirstPart += frame.count;
    glanceAtEvents(frame, ({ persistenceId, kind }) => {
      if (kind === TOMBSTONE) this.#entities.delete(persistenceId);
      else this.#entities.add(persistenceId);
    });
  }

  #takePart(frame: Frame, position: Position): void {
    const { first, last } = readPart(frame);
    if (first) this.#eventsSinceFirstPart = 0;
    if (!last) return;
    this.#checkpoint = position;
    this.#eventsSinceCheckpoint = this.#eventsSinceFirstPart;
  }

  totals(): Omit<ShardReport, "shard" | "low" | "end" | "term" | "owner"> {
    return {
      records: this.#records,
      bytes: this.#bytes,
      frames: this.#frames,
      claims: this.#claims,
      events: this.#events,
      entities: this.#entities.size,
      checkpoint: this.#checkpoint,
      eventsSinceCheckpoint: this.#eventsSinceCheckpoint,
      skipped: [...this.#skipped].map(([reason, { count, positions }]) => ({
        reason,
        count,
        positions,
        provesLoss: provesLoss(reason),
      })),
    };
  }
}
