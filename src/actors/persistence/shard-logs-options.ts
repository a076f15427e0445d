/** The bounds and habits of a node's shard logs. Defaults stand in the kernel's list of limits. */
import { type Limits, limits } from "../kernel/index.ts";
import type { CheckpointOptions } from "./checkpoint.ts";

export interface ShardLogsOptions extends CheckpointOptions {
  /** One event with its header, texts and payload, in bytes. */
  readonly eventBytesMax: number;
  readonly persistenceIdBytesMax: number;
  /** What a frame is filled up to, in bytes; a single larger commit has a frame of its own. */
  readonly frameBytes: number;
  /** Bytes of one shard that wait for the journal. */
  readonly stagedBytesMax: number;
  /** Calls to the journal that are under way at once. */
  readonly appendsInFlightMax: number;
  /** After so long without any result a call no longer holds up the next one. */
  readonly appendSlowMs: number;
  /** How long a frame of unknown fate is sent again before the shard is claimed anew. */
  readonly uncertainMaxMs: number;
  /** The pause before the first repetition; doubles with each. */
  readonly retryPauseMs: number;
  /** How long `open` waits for a shard to serve. */
  readonly shardOpenTimeoutMs: number;
  /** How often a deposed owner claims again under one view. */
  readonly reclaimsMax: number;
  /** When a stalled shard tries again by itself. */
  readonly stalledRetryMs: number;
  /** About how much one read of the log brings. */
  readonly readPageBytes: number;
  /** What one entity's replay may hold in memory; more is read twice. */
  readonly replayBufferBytes: number;
  /** Frames kept for entities that recover at the same time, in bytes. */
  readonly frameCacheBytes: number;
  /** What is read at once of a part of the log that most recovering entities want. */
  readonly framePageBytes: number;
  /** How long reading from memory may go on before the rest of the process has its turn, in milliseconds. */
  readonly sliceMs: number;
  /** Bytes written by this node since the last cut that make the next one due. 0 = never by itself. */
  readonly cutAfterBytes: number;
}

/** As a system's bounds have it. */
export function shardLogsOptions(limits: Limits): ShardLogsOptions {
  return {
    checkpointEveryEvents: limits.checkpointEveryEvents,
    checkpointEveryBytes: limits.checkpointEveryBytes,
    checkpointFullEvery: limits.checkpointFullEvery,
    checkpointPartBytes: limits.checkpointPartBytes,
    eventBytesMax: limits.eventBytesMax,
    persistenceIdBytesMax: limits.persistenceIdBytesMax,
    frameBytes: limits.frameBytes,
    stagedBytesMax: limits.stagedBytesMax,
    appendsInFlightMax: limits.appendsInFlightMax,
    appendSlowMs: limits.appendSlowMs,
    uncertainMaxMs: limits.uncertainMaxMs,
    retryPauseMs: limits.appendRetryPauseMs,
    shardOpenTimeoutMs: limits.shardOpenTimeoutMs,
    reclaimsMax: limits.reclaimsMax,
    stalledRetryMs: limits.stalledRetryMs,
    readPageBytes: limits.readPageBytes,
    replayBufferBytes: limits.replayBufferBytes,
    frameCacheBytes: limits.frameCacheBytes,
    framePageBytes: limits.framePageBytes,
    sliceMs: limits.sliceMs,
    cutAfterBytes: limits.cutAfterBytes,
  };
}

export const defaultShardLogsOptions: ShardLogsOptions = shardLogsOptions(limits);
