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
  /** Half-done work: the entity is started again by itself after a crash. Absent = as the event before said. */
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
  /** 1, 2, 3 … without a hole. A base bears the number of the last event that it contains. */
  readonly sequenceNumber: number;
  /** Position of the frame with this entity's previous event; -1 = it starts anew. */
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

export interface ReplayBounds {
  /**
   * Only events from this number on: the caller has the state before it. A base at or above it is still
   * shown, and replaces what the caller has.
   */
  readonly fromSequenceNumber?: number;
  /**
   * Where the caller's state says that the event before `fromSequenceNumber` lies. If the log has it elsewhere, that
   * state is of events which the log has lost: the bound is dropped, and the caller shown all that a recovery needs.
   */
  readonly afterPosition?: Position;
  /** Only events up to this number: starts from the newest base at or below it, if that has not been cut away. */
  readonly toSequenceNumber?: number;
  /** At most so many events; a base is not counted. */
  readonly eventsMax?: number;
  /**
   * For those who look at the past: every event of the entity's present life that has not been cut away, the bases
   * between them and a tombstone too. `origin: "cut"` then means that older ones are gone.
   */
  readonly wholeLife?: boolean;
  /** Called for each frame that is read, also on the way back, where no event is shown yet: the replay moves. */
  readonly onRead?: () => void;
}

export interface ReplayOutcome {
  /** Of the entity's newest confirmed event, whatever the bounds; 0 = it never wrote. */
  readonly highestSequenceNumber: number;
  /**
   * Where the events shown begin. `bound`: at `fromSequenceNumber`, so they continue the caller's state (unless
   * that lies above `highestSequenceNumber`: then it is not from this log).
   * `base`, `first`: with a whole state or the entity's first event, so an older state of the caller's is void.
   * `cut`: nothing shown, what was asked for has been cut away. (With `wholeLife`: what is left was shown.)
   */
  readonly origin: "bound" | "base" | "first" | "cut";
}

/** An entity's whole state, to be written as a base event. */
export interface BaseState {
  /** Of the last event that the state contains. */
  readonly sequenceNumber: number;
  /** Its kind is `base`; `open` and `wakeAtMs` are those of the state. */
  readonly event: StagedEvent;
}

/**
 * How a cut gets the state of an entity whose events are about to go. undefined = it cannot be had now
 * (its definition is unknown here): then the log stays as far back as that entity needs it. A state that newer
 * events have overtaken is asked for again.
 */
export type BaseSource = (log: ShardLog, persistenceId: string) => Promise<BaseState | undefined>;

/**
 * The state of an entity that is in memory, with everything that it has staged in this log: a base for a commit in the
 * same breath. So one that never rests gets its base too. undefined = it is not in memory, or in doubt.
 */
export type ResidentBases = (log: ShardLog, persistenceId: string) => StagedEvent | undefined;

/** An entity's place in a log: whoever commits for it again need not have it looked up. */
export interface Seat {
  readonly persistenceId: string;
  /** Reads a little of what a commit will touch; the number means nothing. */
  warm(): number;
}

export interface Commit {
  /**
   * The number of the first event of the group; given at once, before the write. A base takes no number
   * of its own: it bears the one of the event before it.
   */
  readonly firstSequenceNumber: number;
  /**
   * Resolves when the group is in the log for good. Rejects with `TROUPE_JOURNAL_UNCERTAIN`
   * (outcome unknown: recover from the log), `TROUPE_JOURNAL_REFUSED` (certainly not written),
   * `TROUPE_SHARD_DEPOSED` (another owner; outcome unknown) or `TROUPE_SHARD_NOT_SERVING` (the claim
   * ended before the group was ever sent: certainly not written). After a rejection this log is of
   * no more use; `open` gives the next one.
   * Groups that go out in one frame share ONE promise (same identity), so that the entities above
   * attach one callback per frame instead of one per event. Frames settle in the order of the log.
   */
  readonly confirmed: Promise<void>;
  /** For the entity's next commit in this very log. */
  readonly seat: Seat;
}

export interface ShardLog {
  readonly shard: number;
  /** False once the claim has ended: `open` gives the next log. */
  readonly isServing: boolean;

  /**
   * Puts an atomic group of one entity's events into the next frame. Synchronous up to the
   * number: the payloads may change once it has returned. Throws before any number is taken:
   * `TROUPE_EVENT_TOO_LARGE`; `TROUPE_PAYLOAD_INVALID` and `TROUPE_NAME_INVALID` for texts that
   * cannot be stored; `TROUPE_SHARD_BUSY` while too much waits for the journal;
   * `TROUPE_SHARD_NOT_SERVING` when the claim is lost.
   * `entity`: its persistence id, or the seat that an earlier commit in this log gave it.
   */
  commit(entity: string | Seat, events: readonly StagedEvent[]): Commit;

  /** Resolves after the next confirmed frame (an empty one is sent when idle): a linearizable read point. */
  barrier(): Promise<void>;

  /** The number of the entity's newest event, confirmed or not; 0 = it never wrote. */
  lastSequenceNumberOf(persistenceId: string): number;

  /** Something of the entity is on its way to the journal, or waits for it. */
  isPending(persistenceId: string): boolean;

  /** What is known of an entity; undefined = it never wrote, or was deleted. Confirmed state only. */
  entry(persistenceId: string): DirectoryEntry | undefined;

  /**
   * The entity's newest base event (if any) and all events after it, oldest first, all confirmed ones.
   * With bounds: see `ReplayBounds`. What `onEvent` throws ends the replay and is thrown on.
   */
  replay(
    persistenceId: string,
    onEvent: (event: StoredEvent) => void,
    bounds?: ReplayBounds,
  ): Promise<ReplayOutcome>;

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
  /**
   * Called when a shard's claim is lost, for whatever reason but this node's own wish (`close`, a planned
   * hand-off): its entities must stop at once. The shard is claimed again by itself; `open` waits for that.
   */
  onDeposed(listener: (shard: number, error: unknown) => void): () => void;
  /** Lets the log below be cut when most of it is dead. Without a source nothing is ever cut. */
  provideBases(source: BaseSource, residents?: ResidentBases): void;
  /** Sends what waits, and ends all claims. Does not close the journal. */
  close(): Promise<void>;
}
