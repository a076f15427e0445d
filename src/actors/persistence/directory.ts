/**
 * What the owner of a shard knows of each entity: its last number, where its newest event stands, from
 * where its recovery must read, and whether it has work to do by itself. A fold of confirmed frames.
 *
 * Boundary: memory only. What goes in has been confirmed; who decides that is the owner.
 *
 *  D1. Applying an event from a frame at or below the entry's own position changes nothing, so a sweep
 *      may begin before the place where a checkpoint's entries were taken.
 *  D2. `from` never goes back: a base or a new beginning moves it up, all else leaves it.
 *  D3. A deleted entity keeps its number until a checkpoint for a cut drops it; readers see it as absent.
 *  D4. An entity has one slot for as long as it is known or something of it is on its way. One that never wrote
 *      has the number 0, and is absent like a deleted one.
 */
import type { CheckpointEntry } from "./checkpoint-codec.ts";
import { BASE, type EventGlance, STARTS_ANEW, TOMBSTONE } from "./event-codec.ts";
import type { Position } from "./journal.ts";
import type { DirectoryEntry, Seat } from "./shard-log.ts";

/** What the events of one frame do to one entity's entry. */
export interface EntryChange {
  readonly sequenceNumber: number;
  /** A base, or a first event, stands in the frame: recovery needs nothing below it. */
  readonly restarts: boolean;
  readonly deleted: boolean;
  /** undefined = as before. */
  readonly open: boolean | undefined;
  /** undefined = none. */
  readonly wakeAtMs: number | undefined;
}

/** An entity's place here, which its writer holds while changes of it are on their way, and may keep for its next one. */
export interface DirectorySlot extends Seat {
  /** undefined = it has been forgotten; the entity's next place is another one. */
  readonly directory: Directory | undefined;
  /** Of the newest confirmed event; 0 = none. */
  readonly sequenceNumber: number;
  /** The newest change that waits for the journal: the writer's, who takes it away when its fate is known. */
  pending: EntryChange | undefined;
}

/** One object per entity for its whole life, changed in place: sweeps touch millions. */
class Entry implements CheckpointEntry, DirectorySlot {
  readonly persistenceId: string;
  directory: Directory | undefined;
  sequenceNumber = 0;
  position: Position = -1;
  from: Position = -1;
  open = false;
  wakeAtMs: number | undefined = undefined;
  deleted = true;
  /** The checkpoint interval in which it changed last. */
  changedIn = -1;
  pending: EntryChange | undefined = undefined;

  constructor(persistenceId: string, directory: Directory) {
    this.persistenceId = persistenceId;
    this.directory = directory;
  }

  warm(): number {
    return this.sequenceNumber + (this.pending === undefined ? 0 : 1);
  }

  get isWritten(): boolean {
    return this.position >= 0;
  }
}

export class Directory {
  readonly #entries = new Map<string, Entry>();
  readonly #live = new Set<string>();
  #changed: string[] = [];
  /** Counts checkpoints begun; entries marked with it are in `#changed`. */
  #interval = 0;

  /** Known entities, deleted ones that are still remembered included, and those whose first events are on their way. */
  get size(): number {
    return this.#entries.size;
  }

  /** Entities that changed since the last checkpoint began. */
  get changedCount(): number {
    return this.#changed.length;
  }

  /** A copy for outside readers; undefined = never wrote, or deleted. */
  entry(persistenceId: string): DirectoryEntry | undefined {
    const entry = this.#entries.get(persistenceId);
    return entry === undefined || entry.deleted ? undefined : copyOf(entry);
  }

  /** 0 for an entity that never wrote. Deleted ones go on counting. */
  sequenceNumberOf(persistenceId: string): number {
    return this.#entries.get(persistenceId)?.sequenceNumber ?? 0;
  }

  /** undefined = nothing is known of the entity, and nothing of it is on its way. */
  slot(persistenceId: string): DirectorySlot | undefined {
    return this.#entries.get(persistenceId);
  }

  /** For the first change of an entity without a slot. */
  addSlot(persistenceId: string): DirectorySlot {
    return this.#add(persistenceId);
  }

  /** What the next event names as its predecessor: a position, or -1. */
  previousOf(slot: DirectorySlot | undefined): Position {
    const entry = slot as Entry | undefined;
    return entry === undefined || entry.deleted ? STARTS_ANEW : entry.position;
  }

  /** The summary of one confirmed frame's events of one entity. */
  apply(slot: DirectorySlot, change: EntryChange, position: Position): void {
    const entry = slot as Entry;
    if (position <= entry.position) return;
    if (change.restarts) entry.from = position;
    if (change.open !== undefined) entry.open = change.open;
    entry.sequenceNumber = change.sequenceNumber;
    entry.position = position;
    entry.wakeAtMs = change.wakeAtMs;
    entry.deleted = change.deleted;
    this.#touched(entry);
  }

  /** One event of a frame at `position`; events of a frame come in order, and are all shown. */
  fold(glance: EventGlance, position: Position): void {
    const { persistenceId, kind } = glance;
    const entry = this.#entries.get(persistenceId) ?? this.#add(persistenceId);
    if (position < entry.position || (position === entry.position && entry.changedIn === -1))
      return;
    const anew = kind === TOMBSTONE || glance.previous === STARTS_ANEW;
    if (anew || kind === BASE) entry.from = position;
    if (anew || glance.open !== undefined) entry.open = glance.open === true;
    entry.sequenceNumber = glance.sequenceNumber;
    entry.position = position;
    entry.wakeAtMs = glance.wakeAtMs;
    entry.deleted = kind === TOMBSTONE;
    this.#touched(entry);
  }

  /** An entry of a checkpoint that is read newest part first; false = a newer one is known already. */
  restore(persistenceId: string, from: CheckpointEntry): boolean {
    const known = this.#entries.get(persistenceId);
    if (known?.isWritten === true) return false;
    const entry = known ?? this.#add(persistenceId);
    entry.sequenceNumber = from.sequenceNumber;
    entry.position = from.position;
    entry.from = from.from;
    entry.open = from.open;
    entry.wakeAtMs = from.wakeAtMs;
    entry.deleted = from.deleted;
    this.#index(entry);
    return true;
  }

  *live(): Iterable<readonly [persistenceId: string, entry: DirectoryEntry]> {
    for (const persistenceId of this.#live) {
      const entry = this.#entries.get(persistenceId);
      if (entry !== undefined) yield [persistenceId, copyOf(entry)];
    }
  }

  *persistenceIds(): Iterable<string> {
    for (const [persistenceId, entry] of this.#entries) if (!entry.deleted) yield persistenceId;
  }

  /** Every entity that is not deleted. An entry shows the present and changes with it; copy what is kept. */
  *entries(): Iterable<readonly [persistenceId: string, entry: DirectoryEntry]> {
    for (const pair of this.#entries) if (!pair[1].deleted) yield pair;
  }

  /**
   * Starts a checkpoint: the ids that it must hold, as of now. What changes from here on belongs to the next
   * one. With `dropBelow`, deleted entities whose tombstone lies below it are forgotten.
   */
  beginCheckpoint(full: boolean, dropBelow: Position = 0): readonly string[] {
    const changed = this.#changed;
    this.#changed = [];
    this.#interval += 1;
    if (!full) return changed;
    const all: string[] = [];
    for (const [persistenceId, entry] of this.#entries) {
      // One that never wrote has nothing to be remembered; with something on its way a slot must stay (D4).
      const isForgotten = entry.deleted && (!entry.isWritten || entry.from < dropBelow);
      if (isForgotten && entry.pending === undefined) {
        this.#entries.delete(persistenceId);
        entry.directory = undefined;
      } else if (entry.isWritten) all.push(persistenceId);
    }
    return all;
  }

  /** For a checkpoint part: the entry as it is now. */
  current(persistenceId: string): CheckpointEntry | undefined {
    return this.#entries.get(persistenceId);
  }

  #add(persistenceId: string): Entry {
    const entry = new Entry(persistenceId, this);
    this.#entries.set(persistenceId, entry);
    return entry;
  }

  #touched(entry: Entry): void {
    if (entry.changedIn !== this.#interval) {
      entry.changedIn = this.#interval;
      this.#changed.push(entry.persistenceId);
    }
    this.#index(entry);
  }

  #index(entry: Entry): void {
    const { persistenceId } = entry;
    if (!entry.deleted && (entry.open || entry.wakeAtMs !== undefined))
      this.#live.add(persistenceId);
    else if (this.#live.size > 0) this.#live.delete(persistenceId);
  }
}

function copyOf(entry: Entry): DirectoryEntry {
  const { sequenceNumber, position, from, open, wakeAtMs } = entry;
  return { sequenceNumber, position, from, open, wakeAtMs };
}
