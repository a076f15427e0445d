/** A node of the simulated world: opens the shard when the view gives it to it, and does what entities do. */
import { isTroupeError, seededRandom, silentLogger } from "../../src/actors/kernel/index.ts";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { type ProtocolRules, protocolRules } from "../../src/actors/persistence/shard-context.ts";
import type { BaseState, ShardLog, StagedEvent } from "../../src/actors/persistence/shard-log.ts";
import { NodeShardLogs } from "../../src/actors/persistence/shard-logs.ts";
import {
  defaultShardLogsOptions,
  type ShardLogsOptions,
} from "../../src/actors/persistence/shard-logs-options.ts";
import type { SnapshotStore } from "../../src/actors/persistence/snapshot-store.ts";
import {
  entityNames,
  KEPT,
  nextEventId,
  type Recovered,
  SimulatedEntities,
  stagedBase,
  stagedEvent,
} from "./journal-entities.ts";
import { type Oracle, Violation } from "./journal-oracle.ts";
import type { Mailbag, World } from "./journal-world.ts";
import type { SnapshotWorld } from "./snapshot-world.ts";

/** What all nodes share. */
export interface Surroundings {
  readonly world: World;
  readonly oracle: Oracle;
  readonly snapshots: SnapshotWorld;
}

/** What a mutant replaces. */
export interface Mutation {
  readonly rules?: (around: Surroundings) => Partial<ProtocolRules>;
  readonly journal?: (journal: Journal, around: Surroundings) => Journal;
  readonly snapshots?: (store: SnapshotStore) => SnapshotStore;
  readonly options?: Partial<ShardLogsOptions>;
  /** Whether a read waits until the log confirms that its reader is still the owner. */
  readonly readsWait?: boolean;
}

const options = {
  ...defaultShardLogsOptions,
  appendsInFlightMax: 1,
  checkpointEveryEvents: 8,
  checkpointFullEvery: 3,
  checkpointPartBytes: 230,
  retryPauseMs: 2,
  uncertainMaxMs: 80,
  shardOpenTimeoutMs: 2_000,
  stalledRetryMs: 400,
  reclaimsMax: 3,
  readPageBytes: 600,
  replayBufferBytes: 400,
  frameCacheBytes: 0,
  cutAfterBytes: 0,
};

export class SimulatedNode {
  readonly #around: Surroundings;
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #index: number;
  readonly #mutation: Mutation;
  readonly #fail: (error: unknown) => void;
  #bag: Mailbag;
  #logs!: NodeShardLogs;
  #entities!: SimulatedEntities;
  /** Of the claim that held last. */
  #term = 0;
  /** Commits confirmed on this node. */
  confirmed = 0;

  constructor(
    around: Surroundings,
    mutation: Mutation,
    { index, fail }: { readonly index: number; readonly fail: (error: unknown) => void },
  ) {
    this.#around = around;
    this.#world = around.world;
    this.#oracle = around.oracle;
    this.#mutation = mutation;
    this.#index = index;
    this.#fail = fail;
    this.#bag = this.#start();
  }

  /** Compares everything that a new process would recover with the truth. The faults have ended. */
  async checkRecovery(): Promise<void> {
    this.#bag = this.#start(true);
    const log = await this.#logs.open(0);
    this.#oracle.catchUp();
    this.#oracle.checkDirectory(log);
    for (const [persistenceId, { isDeleted, facts }] of this.#oracle.entities) {
      const recovered = await this.#recover(log, persistenceId);
      const seen = recovered?.eventIds.join();
      const expected = isDeleted ? undefined : facts.map(({ eventId }) => eventId).join();
      if (seen !== expected) throw new Violation(`${persistenceId} is ${seen}, not ${expected}`);
    }
  }

  /** Dies without a word, and starts anew under the same name. */
  crash(): void {
    this.stop();
    this.#bag = this.#start();
  }

  /** Dies without a word, for good. */
  stop(): void {
    this.#world.kill(this.#bag);
  }

  #start(isIdle = false): Mailbag {
    const world = this.#world;
    const bag = world.addBag();
    const journal = world.journalOf(bag, this.#index);
    const mutation = this.#mutation;
    const rules = { ...protocolRules(options.reclaimsMax), ...mutation.rules?.(this.#around) };
    const store = this.#around.snapshots.storeOf(bag);
    this.#entities = new SimulatedEntities(world, bag, mutation.snapshots?.(store) ?? store);
    const parts = {
      journal: mutation.journal?.(journal, this.#around) ?? journal,
      node: `node-${this.#index}`,
      views: world.viewOf(bag),
      clock: world.clockOf(bag),
      random: seededRandom(world.pick(2 ** 31)),
      logger: silentLogger,
      observer: {
        claimed: (_shard: number, { term }: { term: number }) => {
          this.#term = term;
        },
      },
    };
    const logs = new NodeShardLogs(parts, { ...options, ...mutation.options }, rules);
    logs.provideBases((log, persistenceId) => this.#baseOf(log, persistenceId));
    logs.onDeposed((_shard, error) => this.#onDeposed(error));
    this.#logs = logs;
    if (!isIdle) this.#live(bag, logs).catch((error) => this.#fail(error));
    return bag;
  }

  #onDeposed(error: unknown): void {
    this.#oracle.stats.deposed += 1;
    if (isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) this.#fail(error);
    if (!isTroupeError(error, "TROUPE_SHARD_DEPOSED")) return;
    this.#oracle.catchUp();
    if (this.#oracle.state.term > this.#term) return;
    this.#fail(new Violation("an owner whose claim is current has deposed itself"));
  }

  async #live(bag: Mailbag, logs: NodeShardLogs): Promise<void> {
    while (!bag.isDead) {
      await this.#pause(bag, 1 + this.#world.pick(20));
      if (this.#world.view.owner !== this.#index) continue;
      const log = await this.#open(logs);
      if (log === undefined) continue;
      this.#oracle.checkTakeOver(log, `node-${this.#index}`);
      await this.#serve(bag, log);
    }
  }

  async #open(logs: NodeShardLogs): Promise<ShardLog | undefined> {
    try {
      return await logs.open(0);
    } catch (error) {
      if (isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
      return undefined;
    }
  }

  async #serve(bag: Mailbag, log: ShardLog): Promise<void> {
    const world = this.#world;
    while (!bag.isDead) {
      try {
        await this.#act(log);
      } catch (error) {
        if (!this.#isEndOfTenure(error)) throw error;
        return;
      }
      if (world.view.owner !== this.#index && world.draw() < 0.2) {
        await this.#logs.release(0);
        return;
      }
      await this.#pause(bag, world.pick(3));
    }
  }

  #isEndOfTenure(error: unknown): boolean {
    return (
      isTroupeError(error, "TROUPE_SHARD_NOT_SERVING") ||
      isTroupeError(error, "TROUPE_SHARD_DEPOSED") ||
      isTroupeError(error, "TROUPE_JOURNAL_UNCERTAIN") ||
      isTroupeError(error, "TROUPE_JOURNAL_REFUSED")
    );
  }

  async #act(log: ShardLog): Promise<void> {
    const world = this.#world;
    const chance = world.draw();
    if (chance < 0.6) await this.#commitSome(log);
    else if (chance < 0.68) await this.#read(log);
    else if (chance < 0.75) await this.#replay(log);
    else if (chance < 0.8) await this.#saveSnapshot(log);
    else if (chance < 0.95) await this.#cut();
    else await this.#commit(log, this.#pickName(KEPT), "tombstone");
  }

  #pickName(from = 0): string {
    return entityNames[from + this.#world.pick(entityNames.length - from)] as string;
  }

  async #cut(): Promise<void> {
    const { low } = this.#world;
    await this.#logs.cut(this.#world.draw() < 0.3);
    if (this.#world.low > low) this.#oracle.stats.cuts += 1;
  }

  /** One to three groups, the later ones handed in while the first is in flight. */
  async #commitSome(log: ShardLog): Promise<void> {
    const commits: Promise<void>[] = [];
    for (let left = 1 + this.#world.pick(3); left > 0; left--) {
      commits.push(this.#commit(log, this.#pickName(), "event"));
    }
    await Promise.all(commits);
  }

  async #commit(log: ShardLog, persistenceId: string, kind: "event" | "tombstone"): Promise<void> {
    const count = kind === "event" ? 1 + this.#world.pick(3) : 1;
    const eventIds = Array.from({ length: count }, () => nextEventId(this.#world));
    const events: StagedEvent[] = eventIds.map((eventId) => stagedEvent(kind, eventId));
    const { stats, acked, refused, told } = this.#oracle;
    try {
      const { firstSequenceNumber, confirmed } = log.commit(persistenceId, events);
      await confirmed;
      this.confirmed += 1;
      stats.acked += count;
      for (const eventId of eventIds) acked.add(eventId);
      if (entityNames.indexOf(persistenceId) < KEPT) {
        const last = firstSequenceNumber + count - 1;
        told.set(persistenceId, Math.max(told.get(persistenceId) ?? 0, last));
      }
    } catch (error) {
      if (isTroupeError(error) && error.outcome === "not-done") {
        for (const eventId of eventIds) refused.add(eventId);
      }
      throw error;
    }
  }

  /** A linearizable read sees whatever anybody was told before it began. */
  async #read(log: ShardLog): Promise<void> {
    const persistenceId = entityNames[this.#world.pick(KEPT)] as string;
    const told = this.#oracle.told.get(persistenceId) ?? 0;
    if (this.#mutation.readsWait !== false) await log.barrier();
    const seen = log.entry(persistenceId)?.sequenceNumber ?? 0;
    if (seen < told)
      throw new Violation(`a read saw ${seen} of ${persistenceId}, ${told} was told`);
  }

  async #replay(log: ShardLog): Promise<void> {
    const persistenceId = this.#pickName();
    const recovered = await this.#recover(log, persistenceId);
    if (recovered === undefined) return;
    const { sequenceNumber } = recovered.entry;
    const expected = this.#oracle.factsUpTo(persistenceId, sequenceNumber);
    // A deposed owner may show an entity as it was before its successor deleted it.
    if (this.#oracle.entities.get(persistenceId)?.everDeleted === true) return;
    const [seen, wanted] = [recovered.eventIds.join(), expected.join()];
    if (seen !== wanted)
      throw new Violation(`a replay of ${persistenceId} is ${seen}, not ${wanted}`);
  }

  async #saveSnapshot(log: ShardLog): Promise<void> {
    const persistenceId = this.#pickName();
    const recovered = await this.#recover(log, persistenceId);
    if (recovered !== undefined) await this.#entities.save(persistenceId, recovered);
  }

  async #baseOf(log: ShardLog, persistenceId: string): Promise<BaseState | undefined> {
    const recovered = await this.#recover(log, persistenceId);
    if (recovered === undefined) return undefined;
    return { sequenceNumber: recovered.entry.sequenceNumber, event: stagedBase(recovered) };
  }

  async #recover(log: ShardLog, persistenceId: string): Promise<Recovered | undefined> {
    try {
      return await this.#entities.recover(log, persistenceId);
    } catch (error) {
      if (isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
      // Cut away by a successor, or not readable just now.
      return undefined;
    }
  }

  #pause(bag: Mailbag, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clockOf(bag).setTimer(delayMs, resolve);
    });
  }
}
