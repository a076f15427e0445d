/** What everything about one shard shares: its ports, its name in frames, its bounds, and the rules it follows. */
import type { Clock, Logger, Random } from "../kernel/index.ts";
import type { AppendLane } from "./append-lane.ts";
import { adoptPointer } from "./checkpoint.ts";
import type { FrameIdentity } from "./frame.ts";
import type { Journal, Position } from "./journal.ts";
import type { JournalObserver } from "./journal-observer.ts";
import { judge, type ReplayRule, type ReplayState } from "./replay-rule.ts";
import type { ShardFrames } from "./shard-frames.ts";
import type { DirectoryEntry } from "./shard-log.ts";
import type { ShardLogsOptions } from "./shard-logs-options.ts";

/** Which shards this node should own, as of one moment. */
export interface ClusterView {
  /** Grows with every change. */
  readonly number: number;
  owns(shard: number): boolean;
}

/** Where a node learns what it should own. It decides who tries; the log decides who writes. */
export interface ViewSource {
  /** Read afresh, never from memory. Rejects when it cannot be read: then nothing is claimed. */
  current(): Promise<ClusterView>;
  /** Optional: called when the view may have changed, so that stalled shards try again at once. */
  onChange?(listener: () => void): () => void;
}

/** The view of a node that is alone: everything is its own, for ever. */
export const aloneView: ViewSource = {
  current: () => Promise.resolve({ number: 1, owns: () => true }),
};

/**
 * The decisions that the safety of the log rests upon, as functions of their input alone. They are gathered here
 * so that the model check can replace one by a plausible wrong one and must then find a violation.
 */
export interface ProtocolRules {
  readonly judge: ReplayRule;
  /** The term of the next claim: above all that the log has shown and this process has tried. */
  nextTerm(seen: number, tried: number): number;
  /** Whether a frame that has landed elsewhere than expected is judged by what lies before it. */
  readonly readsGap: boolean;
  /** Whose claim a recovery that starts at this frame of a checkpoint takes for the current one. */
  startAt(checkpoint: ReplayState): ReplayState;
  /** Whether an entity must get a new base before everything below `cut` goes. */
  needsCopy(entry: DirectoryEntry, cut: Position): boolean;
  /** Whether the pointer to a new checkpoint goes out at once, and is confirmed before a cut. */
  readonly pointsBeforeCut: boolean;
  /** What becomes of the known checkpoint when a frame points to another one. */
  readonly adoptPointer: typeof adoptPointer;
  /** Whether a recovery may start at a checkpoint that no frame points to. */
  readonly trustUnconfirmedCheckpoints: boolean;
  /** How often a deposed owner claims again under one view; then the shard is reported as stalled. */
  readonly reclaimsMax: number;
}

export function protocolRules(reclaimsMax: number): ProtocolRules {
  return {
    judge,
    nextTerm: (seen, tried) => Math.max(seen, tried) + 1,
    readsGap: true,
    startAt: ({ term, nonce, seq, node }) => ({ term, nonce, seq, node }),
    needsCopy: (entry, cut) => entry.from < cut,
    pointsBeforeCut: true,
    adoptPointer,
    trustUnconfirmedCheckpoints: false,
    reclaimsMax,
  };
}

export interface ShardContext {
  readonly shard: number;
  readonly journal: Journal;
  readonly identity: FrameIdentity;
  readonly lane: AppendLane;
  readonly frames: ShardFrames;
  readonly views: ViewSource;
  readonly rules: ProtocolRules;
  readonly options: ShardLogsOptions;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: JournalObserver;
}
