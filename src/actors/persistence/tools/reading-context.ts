/** What the owner's code needs to recover a shard, for those who only look. */
import { silentLogger, systemClock, systemRandom } from "../../kernel/index.ts";
import { AppendLane } from "../append-lane.ts";
import { FrameCache } from "../frame-cache.ts";
import type { Journal } from "../journal.ts";
import type { JournalObserver } from "../journal-observer.ts";
import { aloneView, protocolRules, type ShardContext } from "../shard-context.ts";
import { defaultShardLogsOptions } from "../shard-logs-options.ts";

export function readingContext(
  journal: Journal,
  shard: number,
  observer: JournalObserver = {},
): ShardContext {
  const options = defaultShardLogsOptions;
  return {
    shard,
    journal,
    identity: { journalId: journal.journalId, shard, node: "tools" },
    lane: new AppendLane(journal, options.appendsInFlightMax),
    frames: new FrameCache(options.frameCacheBytes),
    views: aloneView,
    rules: protocolRules(options.reclaimsMax),
    options,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    observer,
  };
}
