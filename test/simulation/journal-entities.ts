/**
 * The entities of the simulated world: their state is the list of the events that counted. It is recovered by the
 * code that recovers every entity: a snapshot as far as the directory proves it, then the chain in the log.
 */
import { limits, seededRandom, silentLogger } from "../../src/actors/kernel/index.ts";
import { definePersistentActor } from "../../src/actors/persistence/define-persistent-actor.ts";
import { recoverEntity } from "../../src/actors/persistence/entity-recovery.ts";
import {
  type EntityState,
  encodeBase,
  internalEvents,
} from "../../src/actors/persistence/entity-state.ts";
import { HostedShard } from "../../src/actors/persistence/hosted-shard.ts";
import { decodePayload, encodePayload } from "../../src/actors/persistence/payload-codec.ts";
import { RecoveryPermits } from "../../src/actors/persistence/recovery-permits.ts";
import type {
  DirectoryEntry,
  ShardLog,
  StagedEvent,
} from "../../src/actors/persistence/shard-log.ts";
import { SnapshotGauge } from "../../src/actors/persistence/snapshot-gauge.ts";
import { SnapshotKeeper } from "../../src/actors/persistence/snapshot-keeper.ts";
import type { SnapshotStore } from "../../src/actors/persistence/snapshot-store.ts";
import { TurnSubject } from "../../src/actors/persistence/turn-subject.ts";
import { JOURNAL_ID, type Mailbag, type World } from "./journal-world.ts";

const { model } = definePersistentActor("e", { initialState: (): number[] => [] })
  .events({ did: (state, eventId: number) => [...state, eventId] })
  .commands({});

/** Large enough for all of them to take the same room. */
const FIRST_EVENT_ID = 2 ** 16;

const subjects = new Map(
  // The first two are never deleted.
  ["kept-a", "kept-b", "c", "d", "e"].map((id) => {
    const subject = new TurnSubject(model, id, {
      logger: silentLogger,
      observer: undefined,
      random: seededRandom(1),
    });
    return [subject.persistenceId, subject] as const;
  }),
);
export const entityNames: readonly string[] = [...subjects.keys()];
export const KEPT = 2;

/** An entity as it was recovered. */
export interface Recovered {
  readonly entry: DirectoryEntry;
  readonly state: EntityState;
  readonly eventIds: readonly number[];
}

/** The entities as one node sees them. */
export class SimulatedEntities {
  readonly #home: Parameters<typeof recoverEntity>[2]["home"];
  readonly #keeper: SnapshotKeeper;

  constructor(world: World, bag: Mailbag, snapshots: SnapshotStore) {
    this.#keeper = new SnapshotKeeper(snapshots, JOURNAL_ID);
    const recoveries = new RecoveryPermits(1);
    this.#home = { clock: world.clockOf(bag), limits, recoveries, snapshots: this.#keeper };
  }

  /** undefined = there is none, or it has changed on the way. Rejects when it cannot be read. */
  async recover(log: ShardLog, persistenceId: string): Promise<Recovered | undefined> {
    const subject = subjects.get(persistenceId) as TurnSubject;
    const entry = log.entry(persistenceId);
    if (entry === undefined) return undefined;
    const logs = { shards: 1, open: () => Promise.resolve(log) } as never;
    const means = { gauge: new SnapshotGauge(undefined), home: this.#home };
    const shard = new HostedShard(0, logs, () => {});
    const { state } = await recoverEntity(subject, shard, means);
    if (log.entry(persistenceId)?.position !== entry.position) return undefined;
    return { entry, state, eventIds: state.user as readonly number[] };
  }

  /** Saves what is confirmed, as an owner does now and then. */
  async save(persistenceId: string, { entry, state }: Recovered): Promise<void> {
    const { sequenceNumber, position } = entry;
    await this.#keeper.save(subjects.get(persistenceId) as TurnSubject, {
      sequenceNumber,
      position,
      schemaVersion: model.snapshotVersion,
      timeMs: 0,
      payload: encodeBase(state, persistenceId),
    });
  }
}

export function stagedEvent(kind: "event" | "tombstone", eventId: number): StagedEvent {
  const isOpen = eventId % 3 === 0;
  const type = kind === "event" ? "did" : internalEvents.deleted;
  return { kind, ...staged(type, encodePayload(eventId, "an event"), isOpen) };
}

export function stagedBase({ state, entry }: Recovered): StagedEvent {
  return { kind: "base", ...staged(internalEvents.base, encodeBase(state, "a base"), entry.open) };
}

function staged(type: string, payload: Uint8Array, open: boolean): Omit<StagedEvent, "kind"> {
  return { type, schemaVersion: 1, timeMs: 0, payload, open, ...(open && { wakeAtMs: 5 }) };
}

export function eventIdIn(payload: Uint8Array): number {
  return decodePayload(payload) as number;
}

export function stateIn(payload: Uint8Array): readonly number[] {
  return (decodePayload(payload) as { readonly state: readonly number[] }).state;
}

const eventIdsGiven = new WeakMap<World, number>();

export function nextEventId(world: World): number {
  const eventId = (eventIdsGiven.get(world) ?? FIRST_EVENT_ID) + 1;
  eventIdsGiven.set(world, eventId);
  return eventId;
}
