/** Copies a whole journal into an empty one, leaves it with checkpoints, and compares both. */
import type { Journal } from "../journal.ts";
import { openShardLogs } from "../shard-logs.ts";
import { compareShards, type ShardComparison } from "./compare-shards.ts";
import { allShards } from "./event-stream.ts";
import { importShard } from "./import-shard.ts";
import { laneOf } from "./reading-context.ts";

export interface ImportReport {
  /** Events copied now; after an interruption the others were there. */
  readonly copied: number;
  readonly comparisons: readonly ShardComparison[];
}

/** Shards that are copied at the same time: they share appends. */
const SHARDS_AT_ONCE = 8;

export async function importJournal(
  source: Journal,
  target: Journal,
  onShard: (shard: number) => void = () => {},
): Promise<ImportReport> {
  const lane = laneOf(target);
  const waiting = [...allShards(source)].reverse();
  let copied = 0;
  const copyShards = async (): Promise<void> => {
    for (let shard = waiting.pop(); shard !== undefined; shard = waiting.pop()) {
      const events = await importShard({ source, target, shard, lane });
      copied += events;
      onShard(shard);
    }
  };
  await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, copyShards));
  await writeCheckpoints(target);
  const comparisons: ShardComparison[] = [];
  for (const shard of allShards(source)) {
    comparisons.push(await compareShards(source, target, shard));
  }
  return { copied, comparisons };
}

/** The first server need not read everything; and what an owner can open is a journal. */
async function writeCheckpoints(target: Journal): Promise<void> {
  const logs = openShardLogs({ journal: target, node: "troupe journal" });
  try {
    for (const shard of allShards(target)) {
      const { end } = await target.tail(shard);
      if (end > 0) await logs.open(shard);
    }
  } finally {
    await logs.close();
  }
}
