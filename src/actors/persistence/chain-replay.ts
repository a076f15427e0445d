/**
 * Reads one entity's events: from its newest frame back along `prev` to a base, to its first event, or to the
 * lower bound; then forward in order. It never scans the shard.
 *
 *  P1. Bytes read are at most twice the entity's own frames: once back, and forward again only what did not
 *      fit in `replayBufferBytes`; several that walk back together share what they read (`shard-frames.ts`).
 *  P2. Memory is bounded: that buffer, one position per frame, one frame in hand.
 *  P3. Numbers come without a hole; a chain that breaks is an error, never a shorter history.
 */
import {
  EntityFilter,
  EVENT,
  type EventMark,
  readEvent,
  readMark,
  STARTS_ANEW,
  TOMBSTONE,
} from "./event-codec.ts";
import type { Frame } from "./frame.ts";
import type { Position } from "./journal.ts";
import { corrupt, isCutAway } from "./log-prefix.ts";
import type { ShardContext } from "./shard-context.ts";
import type { FrameWalk } from "./shard-frames.ts";
import type { DirectoryEntry, ReplayBounds, ReplayOutcome, StoredEvent } from "./shard-log.ts";

/** A frame of the chain, and where the entity's events start in it. */
interface Found {
  readonly frame: Frame;
  readonly starts: readonly number[];
}

/** Where the walk back ended: deliver events from this index of the oldest frame on. */
interface Start {
  readonly index: number;
  readonly origin: ReplayOutcome["origin"];
}

export async function replayChain(
  context: ShardContext,
  of: {
    readonly persistenceId: string;
    readonly entry: DirectoryEntry;
    readonly bounds: ReplayBounds;
  },
  onEvent: (event: StoredEvent, position: Position) => void,
): Promise<ReplayOutcome> {
  const chain = new Chain(context, of.persistenceId, of.bounds);
  let start: Start | undefined;
  try {
    start = await chain.walkBack(of.entry.position);
    if (start !== undefined) await chain.walkForward(start, onEvent);
  } finally {
    chain.end();
  }
  const highestSequenceNumber = of.entry.sequenceNumber;
  return { highestSequenceNumber, origin: start?.origin ?? "cut" };
}

class Chain {
  readonly #context: ShardContext;
  readonly #walk: FrameWalk;
  readonly #filter: EntityFilter;
  #from: number;
  readonly #after: Position | undefined;
  readonly #to: number;
  readonly #eventsMax: number;
  readonly #wholeLife: boolean;
  readonly #onRead: (() => void) | undefined;
  /** Newest first. */
  readonly #positions: Position[] = [];
  /** The oldest frames of the chain, which the way forward needs first. */
  readonly #kept = new Map<Position, Found>();
  #keptBytes = 0;
  #shown = 0;
  /** Number of the last event shown. */
  #last: number | undefined;

  constructor(context: ShardContext, persistenceId: string, bounds: ReplayBounds) {
    this.#context = context;
    this.#walk = context.frames.begin();
    this.#filter = new EntityFilter(persistenceId);
    this.#from = bounds.fromSequenceNumber ?? 0;
    this.#after = bounds.afterPosition;
    this.#to = bounds.toSequenceNumber ?? Number.POSITIVE_INFINITY;
    this.#eventsMax = bounds.eventsMax ?? Number.POSITIVE_INFINITY;
    this.#wholeLife = bounds.wholeLife ?? false;
    this.#onRead = bounds.onRead;
  }

  end(): void {
    this.#walk.end();
  }

  /** undefined = the part that was asked for lies below a cut. */
  async walkBack(newest: Position): Promise<Start | undefined> {
    for (let position = newest; ; ) {
      const found = await this.#readBack(position);
      if (found === undefined) return this.#startAtCut();
      const marks = found.starts.map((start) => readMark(found.frame, start));
      const start = this.#startIn(marks, position);
      if (start !== undefined) return start;
      const { previous } = marks[0] as EventMark;
      if (previous < 0 || previous >= position) {
        throw this.#broken(position, "the chain of an entity does not lead back");
      }
      position = previous;
    }
  }

  async #readBack(position: Position): Promise<Found | undefined> {
    try {
      const found = await this.#read(position);
      this.#positions.push(position);
      this.#keep(position, found);
      return found;
    } catch (error) {
      // What a base has made needless may be gone; only a reader of the past looks for it.
      const looksBack = this.#wholeLife || this.#to !== Number.POSITIVE_INFINITY;
      if (isCutAway(error) && looksBack) return undefined;
      throw error;
    }
  }

  #startAtCut(): Start | undefined {
    return this.#wholeLife && this.#positions.length > 0 ? { index: 0, origin: "cut" } : undefined;
  }

  #startIn(marks: readonly EventMark[], position: Position): Start | undefined {
    for (let index = marks.length - 1; index >= 0; index--) {
      const { kind, sequenceNumber, previous } = marks[index] as EventMark;
      if (this.#wholeLife) {
        if (previous === STARTS_ANEW) return { index, origin: "first" };
        continue;
      }
      if (kind !== EVENT && sequenceNumber <= this.#to) {
        if (kind === TOMBSTONE) return { index: index + 1, origin: "first" };
        const isOlder = sequenceNumber < this.#from && this.#isBound(position);
        return { index: isOlder ? index + 1 : index, origin: "base" };
      }
      if (sequenceNumber < this.#from && this.#isBound(position)) {
        return { index: index + 1, origin: "bound" };
      }
      if (previous === STARTS_ANEW) return { index, origin: "first" };
      if (sequenceNumber === this.#from && this.#isBound(index > 0 ? position : previous)) {
        return { index, origin: "bound" };
      }
    }
    return undefined;
  }

  /** Whether the event below the bound is where the caller knows it; if not, there is no bound any more. */
  #isBound(position: Position): boolean {
    if (this.#after === undefined || position === this.#after) return true;
    this.#from = 0;
    return false;
  }

  async walkForward(
    start: Start,
    onEvent: (event: StoredEvent, position: Position) => void,
  ): Promise<void> {
    let skip = start.index;
    for (let index = this.#positions.length - 1; index >= 0; index--) {
      const position = this.#positions[index] as Position;
      const { frame, starts } = this.#kept.get(position) ?? (await this.#read(position));
      this.#kept.delete(position);
      for (let next = skip; next < starts.length; next++) {
        const event = readEvent(frame, starts[next] as number, position);
        if (!this.#isWanted(event, position)) return;
        onEvent(event, position);
      }
      skip = 0;
    }
  }

  /** False = the upper bound has been reached. */
  #isWanted({ kind, sequenceNumber }: StoredEvent, position: Position): boolean {
    if (sequenceNumber > this.#to) return false;
    if (kind === "tombstone") return this.#wholeLife;
    if (kind === "base") {
      this.#last = sequenceNumber;
      return true;
    }
    if (this.#shown >= this.#eventsMax) return false;
    if (this.#last !== undefined && sequenceNumber !== this.#last + 1) {
      throw this.#broken(position, `event ${sequenceNumber} of an entity follows ${this.#last}`);
    }
    this.#last = sequenceNumber;
    this.#shown += 1;
    return true;
  }

  async #read(position: Position): Promise<Found> {
    const known = this.#walk.read(position);
    const frame = known instanceof Promise ? await known : known;
    this.#onRead?.();
    if (typeof frame === "string" || frame.kind !== "data") {
      throw this.#broken(
        position,
        "the chain of an entity leads here, but this is no frame of events",
      );
    }
    const starts = this.#filter.find(frame);
    if (starts.length > 0) return { frame, starts };
    throw this.#broken(position, "the chain of an entity leads here, but to no event of it");
  }

  #keep(position: Position, found: Found): void {
    this.#kept.set(position, found);
    this.#keptBytes += found.frame.bytes.length;
    for (const [newer, { frame }] of this.#kept) {
      if (this.#keptBytes <= this.#context.options.replayBufferBytes) return;
      this.#kept.delete(newer);
      this.#keptBytes -= frame.bytes.length;
    }
  }

  #broken(position: Position, problem: string): Error {
    return corrupt(this.#context.shard, position, problem);
  }
}
