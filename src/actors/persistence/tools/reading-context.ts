/** What the owner's code needs of its surroundings, for tools. */
import { silentLogger, systemClock, systemRandom } from "../../kernel/index.ts";
import { AppendLane } from "../append-lane.ts";
import { FrameCache } from "../frame-cache.ts";
import type { Journal } from "../journal.ts";
import { aloneView, protocolRules, type ShardContext } from "../shard-context.ts";
import { ShardFrames } from "../shard-frames.ts";
import { defaultShardLogsOptions } from "../shard-logs-options.ts";
import { WalkPace } from "../walk-pace.ts";

/** For those who only look. */
export function readingContext(journal: Journal, shard: number): ShardContext {
  return toolContext(journal, shard, laneOf(journal));
}

/** Shared by all shards that are written at the same time. */
export function laneOf(journal: Journal): AppendLane {
  return new AppendLane(journal, { ...defaultShardLogsOptions, clock: systemClock });
}

export function toolContext(journal: Journal, shard: number, lane: AppendLane): ShardContext {
  const options = defaultShardLogsOptions;
  return {
    shard,
    journal,
    identity: { journalId: journal.journalId, shard, node: "troupe journal" },
    lane,
    frames: new ShardFrames({
      journal,
      shard,
      cache: new FrameCache(options.frameCacheBytes),
      pageBytes: options.framePageBytes,
      pace: new WalkPace(systemClock, options.sliceMs),
    }),
    views: aloneView,
    rules: protocolRules(options.reclaimsMax),
    options,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    observer: {},
  };
}
