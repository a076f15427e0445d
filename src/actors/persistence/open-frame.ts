/**
 * A data frame that is still being filled, group by group.
 *
 *  O1. A group is written whole or leaves no trace.
 *  O2. `previous` of an entity's first event in the frame stays open until `seal`: only then is the
 *      frame before it confirmed, and its position known.
 */
import { type ErrorDetails, TroupeError } from "../kernel/index.ts";
import type { Directory, DirectorySlot, EntryChange } from "./directory.ts";
import { IN_SAME_FRAME, patchPrevious, problemOf, STARTS_ANEW, writeEvent } from "./event-codec.ts";
import type { FrameNumbers, FrameWriter } from "./frame.ts";
import type { StagedEvent } from "./shard-log.ts";

/** What a frame does to one entity. */
class EntitySummary implements EntryChange {
  readonly frame: OpenFrame;
  readonly slot: DirectorySlot;
  sequenceNumber: number;
  restarts: boolean;
  deleted: boolean;
  open: boolean | undefined;
  wakeAtMs: number | undefined;
  /** Where the entity's first event starts in the frame. */
  readonly firstAt: number;
  /** Among the frame's summaries. */
  readonly index: number;

  constructor(
    frame: OpenFrame,
    slot: DirectorySlot,
    at: { readonly firstAt: number; readonly index: number },
    before: EntitySummary | undefined,
  ) {
    this.frame = frame;
    this.slot = slot;
    this.sequenceNumber = slot.pending?.sequenceNumber ?? slot.sequenceNumber;
    this.firstAt = before?.firstAt ?? at.firstAt;
    this.index = before?.index ?? at.index;
    this.restarts = before?.restarts ?? false;
    this.deleted = before?.deleted ?? false;
    this.open = before?.open;
    this.wakeAtMs = before?.wakeAtMs;
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
  readonly slot: DirectorySlot;
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
  readonly #summaries: EntitySummary[] = [];
  /** The type that was looked at last: most events of a frame have the same. */
  #soundType = "";
  /** Free for another frame once this one is sealed. */
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

  /**
   * Writes a group of one entity's events, or returns the bytes that the frame would have had with it, and writes nothing.
   * @throws TROUPE_EVENT_TOO_LARGE, TROUPE_PAYLOAD_INVALID; nothing is written either.
   */
  add(
    slot: DirectorySlot,
    events: readonly StagedEvent[],
    bounds: { frameBytesMax: number; eventBytesMax: number },
  ): number | undefined {
    const { writer } = this;
    const { persistenceId, pending } = slot;
    const { offset, count } = writer;
    try {
      const before =
        pending instanceof EntitySummary && pending.frame === this ? pending : undefined;
      const at = { firstAt: offset, index: this.#summaries.length };
      const summary = new EntitySummary(this, slot, at, before);
      for (const event of events) {
        const start = writer.offset;
        const inSameFrame = before !== undefined || start !== offset;
        const previous = inSameFrame && !summary.deleted ? IN_SAME_FRAME : STARTS_ANEW;
        const problem = problemOf(event, this.#soundType);
        if (problem !== undefined) throw invalid(event, problem);
        this.#soundType = event.type;
        summary.take(event);
        const { sequenceNumber } = summary;
        writeEvent(writer, persistenceId, { sequenceNumber, previous }, event);
        const bytes = writer.offset - start;
        if (bytes > bounds.eventBytesMax) throw tooLarge(persistenceId, event.type, bytes, bounds);
      }
      const { frameBytes } = writer;
      if (frameBytes <= bounds.frameBytesMax) {
        this.#summaries[summary.index] = summary;
        slot.pending = summary;
        return undefined;
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

  /** Gives the frame its numbers and bytes. The writer is free for the next frame. */
  seal(numbers: FrameNumbers, directory: Directory): SealedFrame {
    const { writer } = this;
    for (const summary of this.#summaries) {
      const previous = directory.previousOf(summary.slot);
      patchPrevious(writer, summary.firstAt, previous);
      if (previous !== STARTS_ANEW) continue;
      summary.restarts = true;
      summary.open ??= false;
    }
    const events = writer.count;
    const bytes = writer.seal(numbers);
    return { numbers, bytes, events, changes: this.#summaries, settle: this.#settle };
  }

  /** None of it was ever sent. */
  abandon(error: unknown): void {
    forgetPending(this.#summaries);
    this.#settle(error);
  }
}

/** The fate of these changes is known. */
export function forgetPending(changes: readonly SlotChange[]): void {
  for (const change of changes) {
    if (change.slot.pending === change) change.slot.pending = undefined;
  }
}

function invalid(event: StagedEvent, problem: string): TroupeError {
  const details = { what: `the event "${event.type}"`, path: "a field", problem };
  return new TroupeError("TROUPE_PAYLOAD_INVALID", details);
}

function tooLarge(
  actor: string,
  event: string,
  bytes: number,
  bounds: { eventBytesMax: number },
): TroupeError {
  const details: ErrorDetails["TROUPE_EVENT_TOO_LARGE"] = {
    actor,
    event,
    bytes,
    bytesMax: bounds.eventBytesMax,
  };
  return new TroupeError("TROUPE_EVENT_TOO_LARGE", details);
}
