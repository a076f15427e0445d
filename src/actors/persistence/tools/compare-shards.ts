/** Whether two journals hold the same: every event, byte for byte, and the same entities with the same last numbers. */
import { createHash } from "node:crypto";
import { eachEvent, PREVIOUS_OFFSET } from "../event-codec.ts";
import type { Journal } from "../journal.ts";
import { recoverShard } from "../shard-recovery.ts";
import { readingContext } from "./reading-context.ts";
import { ShardReading } from "./shard-reading.ts";

export interface ShardContents {
  readonly events: number;
  readonly entities: number;
  /** Of all events that count, in their order, without the positions that they refer to. */
  readonly digest: string;
}

export interface ShardComparison {
  readonly shard: number;
  readonly contents: ShardContents;
  /** In words; undefined = none. */
  readonly difference: string | undefined;
}

/** The state of an entity is a fold of its events: the same events are the same states. */
export async function compareShards(
  source: Journal,
  target: Journal,
  shard: number,
): Promise<ShardComparison> {
  const [contents, copy] = [await contentsOf(source, shard), await contentsOf(target, shard)];
  const difference =
    differenceOf(contents, copy) ?? (await directoriesDiffer(source, target, shard));
  return { shard, contents, difference };
}

function differenceOf(source: ShardContents, copy: ShardContents): string | undefined {
  if (copy.events !== source.events) {
    return `${source.events} events in the source, and ${copy.events} in the copy`;
  }
  return copy.digest === source.digest ? undefined : "the events are not the same";
}

async function contentsOf(journal: Journal, shard: number): Promise<ShardContents> {
  const hash = createHash("sha256");
  const reading = await ShardReading.open(journal, shard);
  let events = 0;
  for await (const page of reading.pages()) {
    for (const { frame, verdict } of page) {
      if (verdict !== "accept" || frame?.kind !== "data") continue;
      const bytes = Buffer.from(frame.bytes);
      eachEvent(frame, (start, end) => {
        bytes.fill(0, start + PREVIOUS_OFFSET, start + PREVIOUS_OFFSET + 8);
        hash.update(bytes.subarray(start, end));
      });
      events += frame.count;
    }
  }
  const { directory } = await recoverShard(readingContext(journal, shard));
  const entities = [...directory.persistenceIds()].length;
  return { events, entities, digest: hash.digest("hex") };
}

async function directoriesDiffer(
  source: Journal,
  target: Journal,
  shard: number,
): Promise<string | undefined> {
  const { directory: one } = await recoverShard(readingContext(source, shard));
  const { directory: other } = await recoverShard(readingContext(target, shard));
  for (const [id, entry] of one.entries()) {
    const copy = other.entry(id);
    if (copy === undefined) return `${id} is not in the copy`;
    for (const field of ["sequenceNumber", "open", "wakeAtMs"] as const) {
      if (copy[field] !== entry[field]) {
        return `${field} of ${id} is ${entry[field]} in the source, and ${copy[field]} in the copy`;
      }
    }
  }
  const [stray] = [...other.persistenceIds()].filter((id) => one.entry(id) === undefined);
  return stray === undefined ? undefined : `${stray} is in the copy alone`;
}
