/** Sees the whole log, what has been cut away included, and says what is true. */
import { readEvents } from "../../src/actors/persistence/event-codec.ts";
import { FrameReader } from "../../src/actors/persistence/frame.ts";
import {
  advance,
  EMPTY_LOG,
  judge,
  provesLoss,
  type ReplayState,
} from "../../src/actors/persistence/replay-rule.ts";
import type { ShardLog, StoredEvent } from "../../src/actors/persistence/shard-log.ts";
import { eventIdIn, stateIn } from "./journal-entities.ts";
import { JOURNAL_ID, type World } from "./journal-world.ts";

export class Violation extends Error {}

/** One event of an entity's true history. */
interface Fact {
  readonly eventId: number;
  readonly sequenceNumber: number;
}

interface Truth {
  sequenceNumber: number;
  /** Since its beginning or its last tombstone. */
  facts: Fact[];
  open: boolean;
  isDeleted: boolean;
  everDeleted: boolean;
}

export class Oracle {
  readonly #world: World;
  readonly #reader = new FrameReader(JOURNAL_ID, 0);
  #read = 0;
  state: ReplayState = EMPTY_LOG;
  readonly entities = new Map<string, Truth>();
  /** How often each event counted. */
  readonly counted = new Map<number, number>();
  readonly acked = new Set<number>();
  readonly refused = new Set<number>();
  /** Numbers that some caller has been told, per entity that is never deleted. */
  readonly told = new Map<string, number>();
  readonly stats = { frames: 0, claims: 0, cuts: 0, deposed: 0, acked: 0 };

  constructor(world: World) {
    this.#world = world;
  }

  /** Applies what has landed since, by the true rule. */
  catchUp(): void {
    const { log } = this.#world;
    for (; this.#read < log.length; this.#read++) {
      const record = log[this.#read];
      if (record === undefined) return;
      const frame = this.#reader.read(record.bytes);
      if (typeof frame === "string") continue;
      const verdict = judge(this.state, frame);
      if (verdict !== "accept") {
        if (provesLoss(verdict)) throw new Violation(`a frame is ${verdict} at ${record.position}`);
        continue;
      }
      this.state = advance(this.state, frame);
      this.stats.frames += 1;
      if (frame.kind === "claim") this.stats.claims += 1;
      if (frame.kind === "data") {
        for (const event of readEvents(frame, record.position)) this.#apply(event);
      }
    }
  }

  #apply(event: StoredEvent): void {
    const { persistenceId, sequenceNumber, kind } = event;
    const truth = this.#truthOf(persistenceId);
    if (kind === "base") {
      const state = stateIn(event.payload);
      const facts = truth.facts.map(({ eventId }) => eventId);
      if (state.join() !== facts.join() || sequenceNumber !== truth.sequenceNumber) {
        throw new Violation(`a base of ${persistenceId} is not its state`);
      }
      return;
    }
    const mayRestart = truth.isDeleted && sequenceNumber === 1;
    if (sequenceNumber !== truth.sequenceNumber + 1 && !mayRestart) {
      throw new Violation(
        `${persistenceId}: number ${sequenceNumber} follows ${truth.sequenceNumber}`,
      );
    }
    truth.sequenceNumber = sequenceNumber;
    truth.isDeleted = kind === "tombstone";
    truth.open = kind === "event" && event.open === true;
    const eventId = eventIdIn(event.payload);
    this.counted.set(eventId, (this.counted.get(eventId) ?? 0) + 1);
    if (kind === "tombstone") {
      truth.facts = [];
      truth.everDeleted = true;
    } else {
      truth.facts.push({ eventId, sequenceNumber });
    }
  }

  #truthOf(persistenceId: string): Truth {
    let truth = this.entities.get(persistenceId);
    if (truth === undefined) {
      truth = { sequenceNumber: 0, facts: [], open: false, isDeleted: false, everDeleted: false };
      this.entities.set(persistenceId, truth);
    }
    return truth;
  }

  /** What an entity's replay up to a number must show. */
  factsUpTo(persistenceId: string, sequenceNumber: number): readonly number[] {
    this.catchUp();
    const facts = this.entities.get(persistenceId)?.facts ?? [];
    return facts
      .filter((fact) => fact.sequenceNumber <= sequenceNumber)
      .map((fact) => fact.eventId);
  }

  /** Every promise that callers were given. */
  checkPromises(): void {
    this.catchUp();
    for (const [eventId, times] of this.counted) {
      if (times > 1) throw new Violation(`event ${eventId} counts ${times} times`);
    }
    for (const eventId of this.acked) {
      if (!this.counted.has(eventId))
        throw new Violation(`event ${eventId} was acknowledged and is lost`);
    }
    for (const eventId of this.refused) {
      if (this.counted.has(eventId)) throw new Violation(`event ${eventId} was refused and counts`);
    }
  }

  /** A directory as an owner has it right after its claim, against the whole log up to there. */
  checkTakeOver(log: ShardLog, node: string): void {
    this.catchUp();
    // Overtaken meanwhile, or it has written already: nothing to compare with.
    if (this.state.node !== node || this.state.seq !== 0) return;
    this.checkDirectory(log);
  }

  checkDirectory(log: ShardLog): void {
    for (const [persistenceId, truth] of this.entities) {
      const entry = log.entry(persistenceId);
      const expected = truth.isDeleted ? undefined : truth.sequenceNumber;
      if (entry?.sequenceNumber !== expected) {
        throw new Violation(
          `${persistenceId} is at ${expected}, recovered as ${entry?.sequenceNumber}`,
        );
      }
      if (entry === undefined) continue;
      if (entry.open !== truth.open || (entry.wakeAtMs !== undefined) !== truth.open) {
        throw new Violation(`${persistenceId} would not be woken as it should`);
      }
      if (entry.from < this.#world.low)
        throw new Violation(`${persistenceId} needs what was cut away`);
    }
  }
}
