/**
 * The replay rule for those who read the journal's topic by themselves: of all records of a shard, which ones count,
 * and which events are in them.
 */
import { readEvents } from "./event-codec.ts";
import type { FrameKind } from "./frame.ts";
import type { Position } from "./journal.ts";
import { decodePayload } from "./payload-codec.ts";
import { RecordJudge, type ShardIdentity } from "./record-judge.ts";
import { provesLoss, type ReplayState, type SkipReason } from "./replay-rule.ts";
import type { StoredEvent } from "./shard-log.ts";

/** Whose records a replay filter is for, and where it goes on. */
export interface ReplayFilterOptions extends ShardIdentity {
  /** What `state` was when an earlier filter had taken the record before the next one. Default: a log from its start. */
  readonly state?: ReplayState;
}

/** An event that counts, as it was committed. */
export interface FilteredEvent extends Omit<StoredEvent, "payload"> {
  readonly payload: unknown;
}

/** What a replay filter says of one record. */
export type FilteredRecord =
  | {
      readonly accepted: true;
      readonly kind: FrameKind;
      /** The node that wrote it. */
      readonly node: string;
      /** In the order in which they were committed. Empty for claims and checkpoints. */
      readonly events: readonly FilteredEvent[];
    }
  | {
      readonly accepted: false;
      readonly reason: SkipReason;
      /** The record proves that something before it is missing or cannot be read: stop, and look at the log. */
      readonly provesLoss: boolean;
    };

/** Takes the records of one shard in the order of their offsets, without leaving one out. */
export interface ReplayFilter {
  take(offset: Position, bytes: Uint8Array): FilteredRecord;
  /** Keep it beside the offset to go on from there. */
  readonly state: ReplayState;
}

/**
 * Makes a filter for one shard (partition) of a journal's Kafka topic, for consumers that are not Troupe.
 *
 * A topic holds more than what counts: copies of records that were sent twice, records of an owner that
 * had been deposed when they landed, claims that came too late. Troupe skips them by one rule, and so must everybody
 * else, or they see events that never happened. Give the filter every record of the partition from offset 0
 * on, as bytes; it answers with the events that count. The journal's id is the `journalId` in the first record of
 * the topic's last partition, and is printed by `troupe journal inspect`.
 *
 * ```ts
 * import { replayFilter } from "troupe";
 *
 * const filter = replayFilter({ journalId: "00112233445566778899aabbccddeeff", shard: 0 });
 * const record = filter.take(0, new Uint8Array());
 * if (record.accepted) console.log(record.events);
 * else console.log("does not count:", record.reason);
 * ```
 */
export function replayFilter(options: ReplayFilterOptions): ReplayFilter {
  const judge = new RecordJudge(options, options.state);
  return {
    get state() {
      return judge.state;
    },
    take(offset, bytes) {
      const { frame, verdict } = judge.take({ position: offset, next: offset + 1, bytes });
      if (verdict !== "accept" || frame === undefined) {
        const reason = verdict as SkipReason;
        return { accepted: false, reason, provesLoss: provesLoss(reason) };
      }
      const { kind, node } = frame;
      const events = kind === "data" ? readEvents(frame, offset).map(filteredEvent) : [];
      return { accepted: true, kind, node, events };
    },
  };
}

function filteredEvent(event: StoredEvent): FilteredEvent {
  return { ...event, payload: decodePayload(event.payload) };
}
