/** A node of the simulated world: opens the shard when the view gives it to it, and does what entities do. */
import { isTroupeError, seededRandom, silentLogger } from "../../src/actors/kernel/index.ts";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { type ProtocolRules, protocolRules } from "../../src/actors/persistence/shard-context.ts";
import type {
  BaseState,
  ShardLog,
  StagedEvent,
  StoredEvent,
} from "../../src/actors/persistence/shard-log.ts";
import { NodeShardLogs } from "../../src/actors/persistence/shard-logs.ts";
import {
  defaultShardLogsOptions,
  type ShardLogsOptions,
} from "../../src/actors/persistence/shard-logs-options.ts";
import { decodeState, encodeState, type Oracle, Violation } from "./journal-oracle.ts";
import type { Mailbag, World } from "./journal-world.ts";

/** What a mutant replaces. */
export interface Mutation {
  readonly rules?: Partial<ProtocolRules>;
  readonly journal?: (journal: Journal) => Journal;
  readonly options?: Partial<ShardLogsOptions>;
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

/** The first two are never deleted. */
const entityNames = ["kept/a", "kept/b", "c", "d", "e"] as const;

export class SimulatedNode {
  readonly #world: World;
  readonly #oracle: Oracle;
  readonly #index: number;
  readonly #mutation: Mutation;
  readonly #fail: (error: unknown) => void;
  #bag: Mailbag;
  #logs!: NodeShardLogs;
  /** Of the claim that held last. */
  #term = 0;
  /** Commits confirmed on this node. */
  confirmed = 0;

  constructor(
    parts: { readonly world: World; readonly oracle: Oracle; readonly mutation: Mutation },
    index: number,
    fail: (error: unknown) => void,
  ) {
    this.#world = parts.world;
    this.#oracle = parts.oracle;
    this.#mutation = parts.mutation;
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
      const state = await this.#stateOf(log, persistenceId);
      const seen = state?.eventIds.join();
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
    const rules = { ...protocolRules(options.reclaimsMax), ...this.#mutation.rules };
    const parts = {
      journal: this.#mutation.journal?.(journal) ?? journal,
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
    const logs = new NodeShardLogs(parts, { ...options, ...this.#mutation.options }, rules);
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
    if (chance < 0.62) await this.#commitSome(log);
    else if (chance < 0.7) await this.#read(log);
    else if (chance < 0.78) await this.#replay(log);
    else if (chance < 0.94) await this.#cut();
    else await this.#commit(log, entityNames[2 + world.pick(3)] as string, "tombstone");
  }

  async #cut(): Promise<void> {
    const { low } = this.#world;
    await this.#logs.cut(this.#world.draw() < 0.3);
    if (this.#world.low > low) this.#oracle.stats.cuts += 1;
  }

  /** One to three groups, the later ones handed in while the first is in flight. */
  async #commitSome(log: ShardLog): Promise<void> {
    const world = this.#world;
    const commits: Promise<void>[] = [];
    for (let left = 1 + world.pick(3); left > 0; left--) {
      commits.push(
        this.#commit(log, entityNames[world.pick(entityNames.length)] as string, "event"),
      );
    }
    await Promise.all(commits);
  }

  async #commit(log: ShardLog, persistenceId: string, kind: "event" | "tombstone"): Promise<void> {
    const count = kind === "event" ? 1 + this.#world.pick(3) : 1;
    const eventIds = Array.from({ length: count }, () => nextEventId(this.#world));
    const events = eventIds.map((eventId) => staged(kind, [eventId], eventId % 3 === 0));
    const { stats, acked, refused, told } = this.#oracle;
    try {
      const { firstSequenceNumber, confirmed } = log.commit(persistenceId, events);
      await confirmed;
      this.confirmed += 1;
      stats.acked += count;
      for (const eventId of eventIds) acked.add(eventId);
      if (persistenceId.startsWith("kept")) {
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
    const persistenceId = entityNames[this.#world.pick(2)] as string;
    const told = this.#oracle.told.get(persistenceId) ?? 0;
    await log.barrier();
    const seen = log.entry(persistenceId)?.sequenceNumber ?? 0;
    if (seen < told)
      throw new Violation(`a read saw ${seen} of ${persistenceId}, ${told} was told`);
  }

  async #replay(log: ShardLog): Promise<void> {
    const persistenceId = entityNames[this.#world.pick(entityNames.length)] as string;
    const state = await this.#stateOf(log, persistenceId);
    if (state === undefined) return;
    const expected = this.#oracle.factsUpTo(persistenceId, state.sequenceNumber);
    // A deposed owner may show an entity as it was before its successor deleted it.
    if (this.#oracle.entities.get(persistenceId)?.everDeleted === true) return;
    const [seen, wanted] = [state.eventIds.join(), expected.join()];
    if (seen !== wanted)
      throw new Violation(`a replay of ${persistenceId} is ${seen}, not ${wanted}`);
  }

  async #baseOf(log: ShardLog, persistenceId: string): Promise<BaseState | undefined> {
    const state = await this.#stateOf(log, persistenceId);
    if (state === undefined) return undefined;
    const event = staged("base", state.eventIds, state.open);
    return { sequenceNumber: state.sequenceNumber, event };
  }

  async #stateOf(
    log: ShardLog,
    persistenceId: string,
  ): Promise<{ sequenceNumber: number; eventIds: number[]; open: boolean } | undefined> {
    const entry = log.entry(persistenceId);
    if (entry === undefined) return undefined;
    const events: StoredEvent[] = [];
    try {
      await log.replay(persistenceId, (event) => events.push(event));
    } catch (error) {
      if (isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
      // Cut away by a successor, or not readable just now.
      return undefined;
    }
    const eventIds = events.flatMap(({ payload }) => decodeState(payload));
    return { sequenceNumber: entry.sequenceNumber, eventIds, open: entry.open };
  }

  #pause(bag: Mailbag, delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#world.clockOf(bag).setTimer(delayMs, resolve);
    });
  }
}

const eventIdsGiven = new WeakMap<World, number>();

function nextEventId(world: World): number {
  const eventId = (eventIdsGiven.get(world) ?? 0) + 1;
  eventIdsGiven.set(world, eventId);
  return eventId;
}

function staged(
  kind: StagedEvent["kind"],
  eventIds: readonly number[],
  open: boolean,
): StagedEvent {
  return {
    kind,
    type: kind,
    schemaVersion: 1,
    timeMs: 0,
    payload: encodeState(eventIds),
    open,
    ...(open && { wakeAtMs: 5 }),
  };
}
