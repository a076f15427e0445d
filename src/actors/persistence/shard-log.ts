/**
 * The contract between the log's owner (`shard-owner.ts`) and the event-sourced actors above it.
 * An owner holds the claim of one shard; entities of that shard commit through it.
 */
import type { Position } from "./journal.ts";

/** An event as the entity hands it over; the owner adds numbers and positions. */
export interface StagedEvent {
  readonly kind: "event" | "base" | "tombstone";
  readonly type: string;
  readonly schemaVersion: number;
  readonly timeMs: number;
  /** Already serialised (`payload-codec.ts`), so that a bad payload is rejected before any number. */
  readonly payload: Uint8Array;
  /** Half-done work: the entity is started again by itself after a crash. Holds until the next event says otherwise. */
  readonly open?: boolean;
  /** The earliest durable timer after this event; absent = none. */
  readonly wakeAtMs?: number;
  readonly idempotencyKey?: string;
  readonly traceparent?: string;
  readonly tags?: readonly string[];
}

/** An event as it stands in the log. */
export interface StoredEvent extends StagedEvent {
  readonly persistenceId: string;
  readonly sequenceNumber: number;
  /** Position of the frame with this entity's previous event; -1 = none. */
  readonly prev: Position;
}

export interface DirectoryEntry {
  readonly sequenceNumber: number;
  /** Position of the frame that holds the newest event. */
  readonly position: Position;
  /** Position of the oldest frame that recovery needs (its base event, or its first). */
  readonly from: Position;
  readonly open: boolean;
  /** undefined = no timer. */
  readonly wakeAtMs: number | undefined;
}

export interface Commit {
  /** The number of the first event of the group; given at once, before the write. */
  readonly firstSequenceNumber: number;
  /**
   * Resolves when the group is in the log for good. Rejects with `TROUPE_JOURNAL_UNCERTAIN`
   * (outcome unknown: recover from the log), `TROUPE_JOURNAL_REFUSED` (certainly not written)
   * or `TROUPE_SHARD_DEPOSED` (another owner; outcome unknown).
   * Groups that go out in one frame share ONE promise (same identity), so that the entities above
   * attach one callback per frame instead of one per event. Frames settle in the order of the log.
   */
  readonly confirmed: Promise<void>;
}

export interface ShardLog {
  readonly shard: number;

  /**
   * Puts an atomic group of one entity's events into the next frame. Synchronous up to the
   * number; throws `TROUPE_EVENT_TOO_LARGE` before any number is taken, and
   * `TROUPE_SHARD_NOT_SERVING` when the claim is lost.
   */
  commit(persistenceId: string, events: readonly StagedEvent[]): Commit;

  /** Resolves after the next confirmed frame (an empty one is sent when idle): a linearizable read point. */
  barrier(): Promise<void>;

  /** What is known of an entity; undefined = it never wrote, or was deleted. Confirmed state only. */
  entry(persistenceId: string): DirectoryEntry | undefined;

  /** The entity's newest base event (if any) and all events after it, oldest first, all confirmed ones. */
  replay(persistenceId: string, onEvent: (event: StoredEvent) => void): Promise<void>;

  /** Entities with half-done work or a timer, in no order. */
  live(): Iterable<readonly [persistenceId: string, entry: DirectoryEntry]>;

  /** Every known persistence id, in no order. */
  persistenceIds(): Iterable<string>;
}

export interface ShardLogs {
  readonly shards: number;
  readonly journalId: string;
  shardOf(persistenceId: string): number;
  /** The serving log of a shard; claims and recovers it on first use. */
  open(shard: number): Promise<ShardLog>;
  /** Called when a shard's claim is lost: its entities must stop at once. */
  onDeposed(listener: (shard: number, error: unknown) => void): () => void;
  close(): Promise<void>;
}
