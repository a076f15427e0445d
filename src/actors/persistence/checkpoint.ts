/**
 * Checkpoints: the directory written into the log, so that a recovery need not read from the start.
 *
 * Boundary: decides when one is due and makes its parts; the owner sends them and says what was confirmed.
 *
 *  K1. At most one checkpoint is under way; its parts go out one by one, between data frames.
 *  K2. What a checkpoint holds is settled when its first part is sealed: an earlier moment would lose what is
 *      confirmed in between. Each part holds its entries as they are when it is sealed itself; a sweep from
 *      the first part on leads to the same directory, because applying an event twice changes nothing.
 *  K3. A checkpoint counts only when its last part has been confirmed; from then on every frame points to it.
 *  K4. An incremental one adds only to a checkpoint whose entries this directory was built upon. After a
 *      pointer was taken over from another owner's frame the next one is full.
 */
import { beginPart, endPart, writeEntry } from "./checkpoint-codec.ts";
import type { Directory } from "./directory.ts";
import { type FrameIdentity, type FrameNumbers, FrameWriter } from "./frame.ts";
import type { Position } from "./journal.ts";

/** The newest checkpoint that is known to be confirmed. */
export interface ConfirmedCheckpoint {
  /** Position of its last part; -1 = none. */
  readonly position: Position;
  /** Whether the next one may add to it. */
  readonly extendable: boolean;
  /** Checkpoints to be read from this one back to a full one. */
  readonly chainLength: number;
}

export const NO_CHECKPOINT: ConfirmedCheckpoint = {
  position: -1,
  extendable: false,
  chainLength: 0,
};

/** A greater pointer seen in a frame is as good as one's own, but its content is unknown (K4). */
export function adoptPointer(known: ConfirmedCheckpoint, pointer: Position): ConfirmedCheckpoint {
  if (pointer <= known.position) return known;
  return { position: pointer, extendable: false, chainLength: 0 };
}

export interface CheckpointOptions {
  /** A checkpoint is due after so many events. */
  readonly checkpointEveryEvents: number;
  /** … or after so many bytes of frames. */
  readonly checkpointEveryBytes: number;
  /** Every so-manieth checkpoint is full. */
  readonly checkpointFullEvery: number;
  /** About how big a part may be, in bytes. */
  readonly checkpointPartBytes: number;
}

/** The parts of one checkpoint. */
export class CheckpointParts {
  readonly full: boolean;
  readonly #directory: Directory;
  readonly #identity: FrameIdentity;
  readonly #ids: readonly string[];
  readonly #partBytes: number;
  readonly #chainLength: number;
  #next = 0;
  #previous: Position;
  #sealed: "none" | "some" | "all" = "none";

  constructor(
    directory: Directory,
    known: ConfirmedCheckpoint,
    options: {
      readonly identity: FrameIdentity;
      readonly partBytes: number;
      readonly full: boolean;
      readonly dropBelow?: Position;
    },
  ) {
    this.full = options.full || !known.extendable;
    this.#directory = directory;
    this.#identity = options.identity;
    this.#ids = directory.beginCheckpoint(this.full, options.dropBelow);
    this.#partBytes = options.partBytes;
    this.#previous = this.full ? -1 : known.position;
    this.#chainLength = this.full ? 1 : known.chainLength + 1;
  }

  /** How many entities it holds. */
  get entities(): number {
    return this.#ids.length;
  }

  /** The next part, sealed. Call again only after `landed`. */
  seal(numbers: FrameNumbers): Buffer {
    // A part may have been sent more than once, so the memory of one is not used for the next.
    const writer = new FrameWriter(this.#identity);
    beginPart(writer);
    while (this.#next < this.#ids.length && writer.frameBytes < this.#partBytes) {
      const id = this.#ids[this.#next++] as string;
      const entry = this.#directory.current(id);
      if (entry !== undefined) writeEntry(writer, id, entry);
    }
    const last = this.#next >= this.#ids.length;
    const first = this.#sealed === "none";
    endPart(writer, { first, last, full: this.full, previous: this.#previous });
    this.#sealed = last ? "all" : "some";
    return writer.seal(numbers);
  }

  /** The part in flight was confirmed; returns the checkpoint if it was the last. */
  landed(position: Position): ConfirmedCheckpoint | undefined {
    this.#previous = position;
    if (this.#sealed !== "all") return undefined;
    return { position, extendable: true, chainLength: this.#chainLength };
  }
}

/** What a recovery would have to sweep behind the newest checkpoint. */
export interface Swept {
  events: number;
  bytes: number;
}

/** Whether what lies behind the last checkpoint is worth another one. */
export function isCheckpointDue(swept: Swept, options: CheckpointOptions): boolean {
  return (
    swept.events >= options.checkpointEveryEvents || swept.bytes >= options.checkpointEveryBytes
  );
}
