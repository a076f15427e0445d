/**
 * Stands between entities and a snapshot store: a failure of the store never is a failure of an
 * entity, and nothing that it returns is believed further than the log's directory proves it.
 */
import { reasonOf } from "../kernel/index.ts";
import type { DirectoryEntry } from "./shard-log.ts";
import type { Snapshot, SnapshotStore } from "./snapshot-store.ts";
import type { TurnSubject } from "./turn-subject.ts";

export class SnapshotKeeper {
  readonly #store: SnapshotStore;
  readonly #journalId: string;
  /** Snapshots that were there and did not count, and calls that failed. */
  readonly counts = { ahead: 0, void: 0, foreign: 0, unreadable: 0, failed: 0 };

  constructor(store: SnapshotStore, journalId: string) {
    this.#store = store;
    this.#journalId = journalId;
  }

  /** The newest snapshot that is proven to be of this log and of this life of the entity. */
  async load(subject: TurnSubject, entry: DirectoryEntry): Promise<Snapshot | undefined> {
    const { persistenceId } = subject;
    try {
      const newest = await this.#store.load({ journalId: this.#journalId, persistenceId });
      if (newest !== undefined && newest.position > entry.position) this.#ahead(subject, newest);
      if (newest === undefined || this.#counts(subject, entry, newest)) return newest;
      const below = Math.min(entry.sequenceNumber, newest.sequenceNumber - 1);
      const bounds = { sequenceNumberMax: below };
      const older = await this.#store.load({ journalId: this.#journalId, persistenceId }, bounds);
      return older !== undefined && this.#counts(subject, entry, older) ? older : undefined;
    } catch (error) {
      this.#failed(subject, "loaded", error);
      return undefined;
    }
  }

  #ahead({ log }: TurnSubject, { sequenceNumber }: Snapshot): void {
    this.counts.ahead++;
    const hint = "the log was rolled back, or it is of another life of the journal";
    log.warn(`a snapshot is ahead of the log and is ignored: ${hint}`, { sequenceNumber });
  }

  /** The log has the snapshot's event elsewhere: it holds what the log has lost since. */
  tellForeign({ log }: TurnSubject, { sequenceNumber }: Snapshot): void {
    this.counts.foreign++;
    const hint = "the log was rolled back and has gone on otherwise";
    log.warn(`a snapshot is of events that the log does not have, and is ignored: ${hint}`, {
      sequenceNumber,
    });
  }

  #counts(subject: TurnSubject, entry: DirectoryEntry, snapshot: Snapshot): boolean {
    if (snapshot.schemaVersion > subject.model.snapshotVersion) {
      this.counts.unreadable++;
      return false;
    }
    // Below `from` lies another life of the entity, or what a base has made void.
    if (snapshot.position < entry.from) this.counts.void++;
    if (snapshot.position < entry.from || snapshot.position > entry.position) return false;
    if (snapshot.sequenceNumber < entry.sequenceNumber) return true;
    const isNewest = snapshot.sequenceNumber === entry.sequenceNumber;
    if (isNewest && snapshot.position === entry.position) return true;
    this.tellForeign(subject, snapshot);
    return false;
  }

  async save(subject: TurnSubject, snapshot: Snapshot): Promise<void> {
    const { persistenceId } = subject;
    try {
      await this.#store.save({ journalId: this.#journalId, persistenceId }, snapshot);
    } catch (error) {
      this.#failed(subject, "saved", error);
    }
  }

  async delete(subject: TurnSubject): Promise<void> {
    const { persistenceId } = subject;
    try {
      await this.#store.delete({ journalId: this.#journalId, persistenceId });
    } catch (error) {
      this.#failed(subject, "deleted", error);
    }
  }

  #failed({ log }: TurnSubject, what: string, error: unknown): void {
    this.counts.failed++;
    log.warn(`a snapshot could not be ${what}: ${reasonOf(error)}`, { error });
  }
}
