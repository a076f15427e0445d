/**
 * A data frame that is still being filled, group by group.
 *
 *  O1. A group is written whole or leaves no trace.
 *  O2. `previous` of an entity's first event in the frame stays open until `seal`: only then is the
 *      frame before it confirmed, and its position known.
 */
import { type ErrorDetails, TroupeError } from "../kernel/index.ts";
import type { Directory, DirectorySlot, EntryChange } from "./directory.ts";
import {
  type EventPlace,
  IN_SAME_FRAME,
  patchPrevious,
  problemOf,
  STARTS_ANEW,
  writeEvent,
} from "./event-codec.ts";
import type { FrameNumbers, FrameWriter } from "./frame.ts";
import type { Position } from "./journal.ts";
import type { Commit, StagedEvent } from "./shard-log.ts";

/** A group of one entity's events in a frame, and what the frame does to that entity up to this group. */
class Group implements EntryChange, Commit, EventPlace {
  readonly frame: OpenFrame;
  readonly seat: DirectorySlot;
  sequenceNumber: number;
  readonly firstSequenceNumber: number;
  restarts: boolean;
  deleted: boolean;
  open: boolean | undefined;
  wakeAtMs: number | undefined;
  /** Of the event that is being written. */
  previous: Position = STARTS_ANEW;
  /** Where the entity's first event starts in the frame. */
  readonly firstAt: number;
  /** Among the frame's changes. */
  readonly index: number;

  /** `before`: the group of the same entity that stands before it in the frame. */
  constructor(
    frame: OpenFrame,
    seat: DirectorySlot,
    first: StagedEvent | undefined,
    before: Group | undefined,
  ) {
    const last = seat.pending?.sequenceNumber ?? seat.sequenceNumber;
    this.frame = frame;
    this.seat = seat;
    this.sequenceNumber = last;
    this.firstSequenceNumber = first?.kind === "base" ? last : last + 1;
    if (before === undefined) {
      this.firstAt = frame.writer.offset;
      this.index = frame.entities;
      this.restarts = false;
      this.deleted = false;
      this.open = undefined;
      this.wakeAtMs = undefined;
    } else {
      this.firstAt = before.firstAt;
      this.index = before.index;
      this.restarts = before.restarts;
      this.deleted = before.deleted;
      this.open = before.open;
      this.wakeAtMs = before.wakeAtMs;
    }
  }

  get persistenceId(): string {
    return this.seat.persistenceId;
  }

  get confirmed(): Promise<void> {
    return this.frame.confirmed;
  }

  take(event: StagedEvent): void {
    const anew = this.deleted || event.kind === "tombstone";
    if (event.kind !== "base") this.sequenceNumber += 1;
    if (anew || event.kind === "base") this.restarts = true;
    if (anew) this.open = event.kind !== "tombstone" && event.open === true;
    else if (event.open !== undefined) this.open = event.open;
    this.wakeAtMs = event.wakeAtMs;
    this.deleted = event.kind === "tombstone";
  }
}

/** What one frame changes in the directory. */
export interface SlotChange extends EntryChange {
  readonly seat: DirectorySlot;
}

/** A frame with its bytes, ready for the journal or on its way. */
export interface SealedFrame {
  readonly numbers: FrameNumbers;
  readonly bytes: Buffer;
  readonly events: number;
  /** One for each entity. */
  readonly changes: readonly SlotChange[];
  /** Settles all groups of the frame at once. */
  settle(error?: unknown): void;
}

const ignore = (): void => {};

export class OpenFrame {
  readonly #groups: Group[] = [];
  /** The type that was looked at last: most events of a frame have the same. */
  #soundType = "";
  /** Free for another frame once nobody needs this one's bytes any more. */
  readonly writer: FrameWriter;
  #settle: (error?: unknown) => void = ignore;
  /** The one promise of all groups in this frame. */
  readonly confirmed: Promise<void>;

  constructor(writer: FrameWriter) {
    this.writer = writer;
    this.confirmed = new Promise((resolve, reject) => {
      this.#settle = (error) => (error === undefined ? resolve() : reject(error));
    });
    // The failure of a frame is reported with its shard; a group that nobody waits for must not end the process.
    this.confirmed.catch(ignore);
  }

  get bodyBytes(): number {
    return this.writer.bodyBytes;
  }

  /** Entities with events in the frame. */
  get entities(): number {
    return this.#groups.length;
  }

  /**
   * Writes a group of one entity's events. A number: the bytes that the frame would have had with it; nothing is written then.
   * @throws TROUPE_EVENT_TOO_LARGE, TROUPE_PAYLOAD_INVALID; nothing is written either.
   */
  add(
    slot: DirectorySlot,
    events: readonly StagedEvent[],
    frameBytesMax: number,
    eventBytesMax: number,
  ): Commit | number {
    const { writer } = this;
    const { pending } = slot;
    const { offset, count } = writer;
    try {
      const before = pending instanceof Group && pending.frame === this ? pending : undefined;
      const group = new Group(this, slot, events[0], before);
      for (const event of events) this.#write(group, event, eventBytesMax);
      const { frameBytes } = writer;
      if (frameBytes <= frameBytesMax) {
        this.#groups[group.index] = group;
        slot.pending = group;
        return group;
      }
      writer.offset = offset;
      writer.count = count;
      return frameBytes;
    } catch (error) {
      writer.offset = offset;
      writer.count = count;
      throw error;
    }
  }

  #write(group: Group, event: StagedEvent, eventBytesMax: number): void {
    const { writer } = this;
    const { persistenceId } = group.seat;
    const start = writer.offset;
    const inSameFrame = start !== group.firstAt && !group.deleted;
    group.previous = inSameFrame ? IN_SAME_FRAME : STARTS_ANEW;
    const problem = problemOf(event, this.#soundType);
    if (problem !== undefined) throw invalid(event, problem);
    this.#soundType = event.type;
    group.take(event);
    writeEvent(writer, group, event);
    const bytes = writer.offset - start;
    if (bytes > eventBytesMax) throw tooLarge(persistenceId, event.type, bytes, eventBytesMax);
  }

  /** Gives the frame its numbers and bytes, which lie in the writer. */
  seal(numbers: FrameNumbers, directory: Directory): SealedFrame {
    const { writer } = this;
    for (const group of this.#groups) {
      const previous = directory.previousOf(group.seat);
      patchPrevious(writer, group.firstAt, previous);
      if (previous !== STARTS_ANEW) continue;
      group.restarts = true;
      group.open ??= false;
    }
    const events = writer.count;
    const bytes = writer.seal(numbers);
    return { numbers, bytes, events, changes: this.#groups, settle: this.#settle };
  }

  /** None of it was ever sent. */
  abandon(error: unknown): void {
    forgetPending(this.#groups);
    this.#settle(error);
  }
}

/** The fate of these changes is known. */
export function forgetPending(changes: readonly SlotChange[]): void {
  for (const change of changes) {
    if (change.seat.pending === change) change.seat.pending = undefined;
  }
}

function invalid(event: StagedEvent, problem: string): TroupeError {
  const details = { what: `the event "${event.type}"`, path: "a field", problem };
  return new TroupeError("TROUPE_PAYLOAD_INVALID", details);
}

function tooLarge(actor: string, event: string, bytes: number, bytesMax: number): TroupeError {
  const details: ErrorDetails["TROUPE_EVENT_TOO_LARGE"] = { actor, event, bytes, bytesMax };
  return new TroupeError("TROUPE_EVENT_TOO_LARGE", details);
}
