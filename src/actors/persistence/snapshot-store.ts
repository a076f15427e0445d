/**
 * The snapshot port: where states of entities are kept beside the log, so that a recovery need not
 * go far back. A cache and nothing more: wiped, stale or rolled back it loses no event and brings
 * none back, because what is loaded counts only as far as the log's directory proves it.
 *
 * What an adapter must promise (held by `test/contracts/snapshot-store-contract.ts`):
 *  N1. `load` returns what was saved, whole, or nothing: never a part, never another key's.
 *  N2. A snapshot never replaces one of a higher position: an owner that was deposed long ago cannot
 *      push out what its successor has written. The same position overwrites.
 *  N3. Every call settles. Failure is a rejection; the log then serves without snapshots.
 */
import type { Position } from "./journal.ts";

export interface SnapshotKey {
  /** A snapshot of another journal must never be found: the same ids may live there too. */
  readonly journalId: string;
  readonly persistenceId: string;
}

export interface Snapshot {
  /** Of the last event that the state contains. */
  readonly sequenceNumber: number;
  /** Of the frame that holds this event: what the directory proves it by. */
  readonly position: Position;
  /** Of the state's shape. */
  readonly schemaVersion: number;
  readonly timeMs: number;
  /** What a base event would hold. */
  readonly payload: Uint8Array;
}

/** Which snapshots are meant; all that is left out is unbounded. */
export interface SnapshotBounds {
  readonly sequenceNumberMax?: number;
  readonly timeMsMax?: number;
}

export interface SnapshotStore {
  /** The newest snapshot within the bounds; undefined = there is none. */
  load(key: SnapshotKey, bounds?: SnapshotBounds): Promise<Snapshot | undefined>;
  /** Keeps a snapshot, and at least the one before it. False when one of a higher position is there (N2). */
  save(key: SnapshotKey, snapshot: Snapshot): Promise<boolean>;
  /** Drops the snapshots within the bounds; without bounds all of the key. */
  delete(key: SnapshotKey, bounds?: SnapshotBounds): Promise<void>;
  close(): Promise<void>;
}
