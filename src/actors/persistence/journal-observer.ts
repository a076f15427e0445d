/** What happens in the journal protocol, for metrics and tools. Every method is optional and must not throw. */
import type { Position } from "./journal.ts";
import type { SkipReason } from "./replay-rule.ts";

export interface JournalObserver {
  /** A frame was confirmed; `waitMs` since it went out first. */
  frameConfirmed?(shard: number, frame: { events: number; bytes: number; waitMs: number }): void;
  /** A record was read that does not count. */
  frameSkipped?(shard: number, position: Position, reason: SkipReason): void;
  /** The fate of a frame is unknown; it is sent again until it is known. */
  appendUncertain?(shard: number, cause: unknown): void;
  appendRefused?(shard: number, cause: unknown): void;
  recovered?(
    shard: number,
    recovery: { entities: number; events: number; bytes: number; tookMs: number },
  ): void;
  claimed?(shard: number, claim: { term: number; tookMs: number }): void;
  /** The claim has ended otherwise than by this node's own wish. */
  deposed?(shard: number, error: unknown): void;
  /** Claimed again too often; the shard waits. */
  stalled?(shard: number, error: unknown): void;
  checkpointed?(
    shard: number,
    checkpoint: { entities: number; full: boolean; position: Position },
  ): void;
  cut?(shard: number, cut: { before: Position; entitiesCopied: number }): void;
}
