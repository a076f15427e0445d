/**
 * Group commit: what entities hand in while a frame is in flight makes up the next one. There is no
 * linger: an idle shard sends at once.
 *
 * Boundary: memory only. Collects groups into frames and hands them out sealed; knows neither the journal
 * nor what becomes of a frame.
 *
 *  G1. A group is never divided between frames.
 *  G2. The numbers of an entity have no hole, from the confirmed one through everything that waits.
 *  G3. A group that is refused has taken no number.
 */
import { shortText, TroupeError } from "../kernel/index.ts";
import type { Directory, DirectorySlot } from "./directory.ts";
import { textProblem } from "./event-codec.ts";
import { type FrameIdentity, type FrameNumbers, FrameWriter } from "./frame.ts";
import type { Position } from "./journal.ts";
import { forgetPending, OpenFrame, type SealedFrame, type SlotChange } from "./open-frame.ts";
import type { Commit, Seat, StagedEvent } from "./shard-log.ts";

export interface GroupCommitBounds {
  /** What a frame is filled up to. */
  readonly frameBytes: number;
  /** Of a frame with a single group, in bytes. */
  readonly frameBytesMax: number;
  /** Of one event in the frame: its header, texts and payload. */
  readonly eventBytesMax: number;
  /** Of everything that waits for its turn. */
  readonly stagedBytesMax: number;
  readonly persistenceIdBytesMax: number;
}

export class GroupCommit {
  readonly #identity: FrameIdentity;
  readonly #directory: Directory;
  readonly #bounds: GroupCommitBounds;
  /** Oldest first; only the last one still grows. */
  readonly #waiting: OpenFrame[] = [];
  #fullBytes = 0;
  #spareWriter: FrameWriter | undefined;
  #inFlight: readonly SlotChange[] = [];
  /** With the bytes of the frame in flight. */
  #sealedWriter: FrameWriter | undefined;

  constructor(identity: FrameIdentity, directory: Directory, bounds: GroupCommitBounds) {
    this.#identity = identity;
    this.#directory = directory;
    this.#bounds = bounds;
  }

  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  isPending(persistenceId: string): boolean {
    return this.#directory.slot(persistenceId)?.pending !== undefined;
  }

  /** The number of the entity's newest event, confirmed or not. */
  lastSequenceNumberOf(persistenceId: string): number {
    const slot = this.#directory.slot(persistenceId);
    return slot?.pending?.sequenceNumber ?? slot?.sequenceNumber ?? 0;
  }

  /**
   * Adds a group to the next frame with room for it.
   * @throws TROUPE_EVENT_TOO_LARGE, TROUPE_PAYLOAD_INVALID, TROUPE_NAME_INVALID, TROUPE_SHARD_BUSY:
   *   nothing was added.
   */
  add(entity: string | Seat, events: readonly StagedEvent[]): Commit {
    this.#checkRoom();
    const slot = typeof entity === "string" ? this.#slot(entity) : this.#slotAt(entity);
    if (events.length > 0) return this.#place(slot, events);
    const firstSequenceNumber = (slot.pending?.sequenceNumber ?? slot.sequenceNumber) + 1;
    return { firstSequenceNumber, confirmed: this.next(), seat: slot };
  }

  #slot(persistenceId: string): DirectorySlot {
    return this.#directory.slot(persistenceId) ?? this.#newSlot(persistenceId);
  }

  /** The seat itself, unless it has been forgotten meanwhile or is one of another log. */
  #slotAt(seat: Seat): DirectorySlot {
    const slot = seat as DirectorySlot;
    return slot.directory === this.#directory ? slot : this.#slot(seat.persistenceId);
  }

  /** The promise of the next frame that goes out, even if no event joins it. */
  next(): Promise<void> {
    if (this.#waiting.length === 0) this.#waiting.push(this.#newFrame());
    return (this.#waiting[0] as OpenFrame).confirmed;
  }

  /** Takes the oldest waiting frame; an empty one if none waits. No other may be in flight. */
  seal(numbers: FrameNumbers): SealedFrame {
    const frame = this.#waiting.shift() ?? this.#newFrame();
    if (this.#waiting.length > 0) this.#fullBytes -= frame.bodyBytes;
    const sealed = frame.seal(numbers, this.#directory);
    this.#sealedWriter = frame.writer;
    this.#inFlight = sealed.changes;
    return sealed;
  }

  /** The frame in flight counts at `position`; undefined = and the directory has read it from the log already. */
  landed(position: Position | undefined): void {
    if (position !== undefined) {
      for (const change of this.#inFlight) this.#directory.apply(change.seat, change, position);
      // Its first and only copy has arrived, so nobody reads the bytes any more.
      if (this.#sealedWriter !== undefined) this.#spare(this.#sealedWriter);
    }
    this.#forgetInFlight();
  }

  #forgetInFlight(): void {
    forgetPending(this.#inFlight);
    this.#inFlight = [];
    this.#sealedWriter = undefined;
  }

  /** Fails everything that waits. None of it was ever sent. What is in flight is its sender's to fail. */
  abandon(error: unknown): void {
    this.#forgetInFlight();
    for (const frame of this.#waiting.splice(0)) frame.abandon(error);
    this.#fullBytes = 0;
  }

  #place(slot: DirectorySlot, events: readonly StagedEvent[]): Commit {
    const { frameBytes, frameBytesMax, eventBytesMax } = this.#bounds;
    const last = this.#waiting.at(-1);
    if (last !== undefined) {
      const bytesMax = last.bodyBytes === 0 ? frameBytesMax : Math.min(frameBytes, frameBytesMax);
      const added = last.add(slot, events, bytesMax, eventBytesMax);
      if (typeof added !== "number") return added;
    }
    const frame = this.#newFrame();
    const added = frame.add(slot, events, frameBytesMax, eventBytesMax);
    if (typeof added === "number") {
      this.#spare(frame.writer);
      throw new TroupeError("TROUPE_EVENT_TOO_LARGE", {
        actor: slot.persistenceId,
        event: `${events.length} events of one commit`,
        bytes: added,
        bytesMax: frameBytesMax,
      });
    }
    if (last !== undefined) this.#fullBytes += last.bodyBytes;
    this.#waiting.push(frame);
    return added;
  }

  #checkRoom(): void {
    const staged = this.#fullBytes + (this.#waiting.at(-1)?.bodyBytes ?? 0);
    if (staged >= this.#bounds.stagedBytesMax) {
      throw new TroupeError("TROUPE_SHARD_BUSY", {
        shard: this.#identity.shard,
        bytes: staged,
        bytesMax: this.#bounds.stagedBytesMax,
      });
    }
  }

  #newSlot(persistenceId: string): DirectorySlot {
    const problem = idProblem(persistenceId, this.#bounds.persistenceIdBytesMax);
    if (problem === undefined) return this.#directory.addSlot(persistenceId);
    throw new TroupeError("TROUPE_NAME_INVALID", { name: shortText(persistenceId), problem });
  }

  #spare(writer: FrameWriter): void {
    writer.reset();
    this.#spareWriter ??= writer;
  }

  #newFrame(): OpenFrame {
    const writer = this.#spareWriter ?? new FrameWriter(this.#identity);
    this.#spareWriter = undefined;
    return new OpenFrame(writer);
  }
}

function idProblem(persistenceId: string, bytesMax: number): string | undefined {
  if (persistenceId.length === 0) return "it is empty";
  const bytes = persistenceId.length * 3 <= bytesMax ? 0 : Buffer.byteLength(persistenceId, "utf8");
  if (bytes > bytesMax) return `it takes ${bytes} bytes, and ${bytesMax} are allowed`;
  return textProblem(persistenceId);
}
