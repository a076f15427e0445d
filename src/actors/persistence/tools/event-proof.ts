/** Holds every event of a shard against what came before it: its number, its predecessor, its shard. */

import type { CheckpointEntry } from "../checkpoint-codec.ts";
import { Directory } from "../directory.ts";
import {
  BASE,
  type EventGlance,
  glanceAtEvents,
  IN_SAME_FRAME,
  STARTS_ANEW,
} from "../event-codec.ts";
import type { Frame } from "../frame.ts";
import type { Position } from "../journal.ts";
import { shardOfId } from "../shard-hash.ts";

export interface ProofPlace {
  readonly shard: number;
  readonly shards: number;
  /** Where the log begins: what was cut away cannot be asked for. */
  readonly low: Position;
}

export class EventProof {
  /** The fold of every event so far. */
  readonly directory = new Directory();
  events = 0;
  readonly #place: ProofPlace;

  constructor(place: ProofPlace) {
    this.#place = place;
  }

  /** Takes a data frame that counts; returns what is wrong with its first bad event. */
  take(frame: Frame, position: Position): string | undefined {
    let problem: string | undefined;
    glanceAtEvents(frame, (glance) => {
      problem ??= this.#problemOf(glance, position);
      if (problem !== undefined) return;
      this.directory.fold(glance, position);
      this.events += 1;
    });
    return problem;
  }

  #problemOf(glance: EventGlance, position: Position): string | undefined {
    const { persistenceId, kind, sequenceNumber } = glance;
    const { shard, shards } = this.#place;
    const own = shardOfId(persistenceId, shards);
    if (own !== shard) return `an event of ${persistenceId}, which belongs to shard ${own}`;
    const known = this.directory.current(persistenceId);
    const problem =
      known === undefined
        ? this.#problemOfFirst(glance)
        : (problemOfNumber(glance, known) ?? problemOfPrevious(glance, known, position));
    if (problem === undefined) return undefined;
    const what = kind === BASE ? "the state after event" : "event";
    return `${what} ${sequenceNumber} of ${persistenceId} ${problem}`;
  }

  /** The first one of an entity that this log still has. */
  #problemOfFirst({ kind, sequenceNumber, previous }: EventGlance): string | undefined {
    const { low } = this.#place;
    if (previous === STARTS_ANEW) {
      if (kind === BASE || low > 0 || sequenceNumber === 1) return undefined;
      return "is the entity's first one, whose number must be 1";
    }
    if (previous >= 0 && previous < low) return undefined;
    return `says that the one before it is ${placeOf(previous)}, and there is none of this entity`;
  }
}

function problemOfNumber(
  { kind, sequenceNumber }: EventGlance,
  known: CheckpointEntry,
): string | undefined {
  const expected = kind === BASE ? known.sequenceNumber : known.sequenceNumber + 1;
  if (sequenceNumber === expected) return undefined;
  // A deleted entity is forgotten at a cut, and then begins again.
  if (known.deleted && (sequenceNumber === 1 || kind === BASE)) return undefined;
  return `follows event ${known.sequenceNumber} at position ${known.position}`;
}

function problemOfPrevious(
  { previous }: EventGlance,
  known: CheckpointEntry,
  position: Position,
): string | undefined {
  const expected = known.deleted
    ? STARTS_ANEW
    : known.position === position
      ? IN_SAME_FRAME
      : known.position;
  if (previous === expected) return undefined;
  return `says that the one before it is ${placeOf(previous)}, but it is ${placeOf(expected)}`;
}

function placeOf(previous: Position): string {
  if (previous === STARTS_ANEW) return "nowhere (it starts anew)";
  return previous === IN_SAME_FRAME ? "in the same frame" : `at position ${previous}`;
}
