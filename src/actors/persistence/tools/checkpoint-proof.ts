/** Holds checkpoints, and the directory that a recovery comes to, against the events themselves. */
import { type CheckpointEntry, readEntries, readPart } from "../checkpoint-codec.ts";
import type { Directory } from "../directory.ts";
import type { Frame } from "../frame.ts";
import type { Position } from "../journal.ts";
import type { LogPrefix } from "../log-prefix.ts";
import type { ReplayState } from "../replay-rule.ts";

export class CheckpointProof {
  /** Folded from all events before the frame in hand. */
  readonly #directory: Directory;
  readonly #low: Position;
  /** Where whole checkpoints end. */
  readonly #ends = new Set<Position>();

  constructor(directory: Directory, low: Position) {
    this.#directory = directory;
    this.#low = low;
  }

  /** A frame that counts may point only to a checkpoint that counts, or to one that was cut away. */
  problemOfPointer({ confirmedCheckpoint: pointer }: Frame): string | undefined {
    if (pointer < this.#low || this.#ends.has(pointer)) return undefined;
    return `the frame points to a checkpoint that ends at position ${pointer}, and none does`;
  }

  /**
   * A part that counts. Its entries are as they were when it was sealed, and then everything before it in the
   * log was confirmed: they must be exactly what the events before it lead to.
   */
  take(frame: Frame, position: Position): string | undefined {
    let problem: string | undefined;
    readEntries(frame, (persistenceId, entry) => {
      problem ??= this.#problemOf(persistenceId, entry);
    });
    if (problem !== undefined) return `a checkpoint says of ${problem}`;
    if (readPart(frame).last) this.#ends.add(position);
    return undefined;
  }

  #problemOf(persistenceId: string, entry: CheckpointEntry): string | undefined {
    const scanned = this.#directory.current(persistenceId);
    if (scanned === undefined) {
      if (entry.deleted || entry.position < this.#low) return undefined;
      return `${persistenceId} that its newest event is at position ${entry.position}, and none is there`;
    }
    const difference = differenceOf(entry, scanned);
    return difference && `${persistenceId} ${difference}`;
  }

  /** What a recovery has come to, against the fold of every event that was read. */
  problemOfRecovery(recovered: LogPrefix, state: ReplayState): string | undefined {
    if (recovered.state.term !== state.term || recovered.state.seq !== state.seq) {
      return (
        `a recovery ends with frame ${recovered.state.seq} of term ${recovered.state.term}, ` +
        `but the log does with frame ${state.seq} of term ${state.term}`
      );
    }
    for (const [id, scanned] of this.#directory.entries()) {
      const entry = recovered.directory.current(id);
      if (entry === undefined || entry.deleted) return `a recovery does not know ${id}`;
      const difference = differenceOf(entry, scanned);
      if (difference !== undefined) return `a recovery says of ${id} ${difference}`;
      if (entry.from < this.#low) {
        return `${id} needs the frame at position ${entry.from}, and the log begins at ${this.#low}`;
      }
    }
    for (const [id] of recovered.directory.entries()) {
      const scanned = this.#directory.current(id);
      if (scanned === undefined || scanned.deleted) {
        return `a recovery knows ${id}, of which the log has no event`;
      }
    }
    return undefined;
  }
}

type Scanned = Omit<CheckpointEntry, "deleted"> & { readonly deleted?: boolean };

function differenceOf(entry: CheckpointEntry, scanned: Scanned): string | undefined {
  const fields = ["sequenceNumber", "position", "from", "open", "wakeAtMs"] as const;
  for (const field of fields) {
    // Where its history begins is not known of an entity whose beginning was cut away.
    if (field === "from" && scanned.from === -1) continue;
    // An unchanged `open` may have been set below the cut.
    if (field === "open" && scanned.from === -1) continue;
    if (entry[field] === scanned[field]) continue;
    return `that ${names[field]} is ${entry[field] ?? "none"}, but the events say ${scanned[field] ?? "none"}`;
  }
  if ("deleted" in scanned && entry.deleted !== scanned.deleted) {
    return entry.deleted ? "that it was deleted, and it was not" : "nothing of its deletion";
  }
  return undefined;
}

const names = {
  sequenceNumber: "its last number",
  position: "the position of its newest event",
  from: "the position that its recovery starts at",
  open: "whether its work is half done",
  wakeAtMs: "its next timer",
} as const;
