/** The events of a journal that count: everything there is, or what comes from now on. */
import { EntityFilter, readEvent, readEvents } from "../event-codec.ts";
import type { Journal, Position } from "../journal.ts";
import { refuseLoss } from "../log-prefix.ts";
import type { JudgedRecord } from "../record-judge.ts";
import type { StoredEvent } from "../shard-log.ts";
import { recoverShard } from "../shard-recovery.ts";
import { type ExportedEvent, exportedEvent } from "./exported-event.ts";
import { readingContext } from "./reading-context.ts";
import { ShardReading } from "./shard-reading.ts";

/** What is wanted of the events; everything given must hold. */
export interface EventChoice {
  readonly types?: readonly string[];
  readonly persistenceIds?: readonly string[];
  readonly tags?: readonly string[];
}

export interface TailOptions extends EventChoice {
  /** Default: all. */
  readonly shards?: readonly number[];
  /** `now`: what comes from here on; `start`: everything; a position: from there on, of one shard. */
  readonly from: "now" | "start" | Position;
  /** Waits until there may be more; rejects or resolves when `signal` fires. */
  readonly pause: () => Promise<void>;
  readonly signal: AbortSignal;
}

/**
 * Every event of the shards that counts, shard after shard, up to the end that each has when it is reached.
 * @throws TROUPE_JOURNAL_CORRUPT at the first record which proves that something before it is missing.
 */
export async function* storedEvents(
  journal: Journal,
  choice: EventChoice & { readonly shards?: readonly number[] } = {},
): AsyncGenerator<ExportedEvent> {
  const chosen = new EventChooser(choice);
  for (const shard of choice.shards ?? allShards(journal)) {
    const reading = await ShardReading.open(journal, shard);
    for await (const page of reading.pages()) {
      for (const judged of page) {
        mustBeWhole(judged, shard);
        yield* chosen.of(judged, shard);
      }
    }
  }
}

/**
 * Events as they are committed, until the signal fires. In the order of each shard.
 * @throws TROUPE_JOURNAL_CORRUPT at the first record which proves that something before it is missing.
 */
export async function* tailEvents(
  journal: Journal,
  options: TailOptions,
): AsyncGenerator<ExportedEvent> {
  const { from, pause, signal } = options;
  const chosen = new EventChooser(options);
  const readings: ShardReading[] = [];
  for (const shard of options.shards ?? allShards(journal)) {
    readings.push(
      await (from === "now" ? atEnd(journal, shard) : ShardReading.open(journal, shard)),
    );
  }
  // Whether a record counts depends on all before it: those are read, not shown.
  const shownFrom = typeof from === "number" ? from : 0;
  while (!signal.aborted) {
    let found = false;
    for (const reading of readings) {
      for (const judged of await reading.next()) {
        found = true;
        mustBeWhole(judged, reading.shard);
        if (judged.record.position < shownFrom) continue;
        yield* chosen.of(judged, reading.shard);
      }
      if (signal.aborted) return;
    }
    if (!found) await pause();
  }
}

/** Where a recovery of the shard would end now. */
async function atEnd(journal: Journal, shard: number): Promise<ShardReading> {
  const { at: low, state } = await recoverShard(readingContext(journal, shard));
  return new ShardReading(journal, shard, { low, state });
}

export function allShards({ shards }: Journal): readonly number[] {
  return Array.from({ length: shards }, (_, shard) => shard);
}

/** A list of events with a hole in it looks like one without: its reader must hear of the hole. */
function mustBeWhole({ record, verdict }: JudgedRecord, shard: number): void {
  if (verdict !== "accept") refuseLoss(shard, record.position, verdict);
}

class EventChooser {
  readonly #choice: EventChoice;
  readonly #filters: readonly EntityFilter[] | undefined;

  constructor(choice: EventChoice) {
    this.#choice = choice;
    this.#filters = choice.persistenceIds?.map((id) => new EntityFilter(id));
  }

  *of({ record, frame, verdict }: JudgedRecord, shard: number): Generator<ExportedEvent> {
    if (verdict !== "accept" || frame?.kind !== "data") return;
    const { position } = record;
    const events =
      this.#filters === undefined
        ? readEvents(frame, position)
        : this.#filters
            .flatMap((filter) => filter.find(frame))
            .sort((one, other) => one - other)
            .map((start) => readEvent(frame, start, position));
    for (const event of events) {
      if (this.#wants(event)) yield exportedEvent(event, { shard, position });
    }
  }

  #wants({ type, tags: has = [] }: StoredEvent): boolean {
    const { types, tags } = this.#choice;
    if (types !== undefined && !types.includes(type)) return false;
    return tags === undefined || tags.some((tag) => has.includes(tag));
  }
}
