/**
 * The snapshot store that all nodes of the simulated world share, as they share a Redis: it is down now and then, saves
 * arrive late, and it is wiped, rolled back to an older state, or filled by another journal.
 */
import { encodePayload } from "../../src/actors/persistence/payload-codec.ts";
import type { SnapshotStore } from "../../src/actors/persistence/snapshot-store.ts";
import { memorySnapshotStore } from "../../src/actors/persistence/snapshot-stores/memory/index.ts";
import { entityNames } from "./journal-entities.ts";
import { LATE_STEPS_MAX, type Mailbag, type World } from "./journal-world.ts";

export const FOREIGN_JOURNAL_ID = "ffeeddccbbaa99887766554433221100";

type Change = (store: SnapshotStore) => Promise<unknown>;

export class SnapshotWorld {
  readonly #world: World;
  /** Everything that ever changed it, so that it can be made again as it was. */
  readonly #changes: Change[] = [];
  readonly #late: { readonly dueMs: number; readonly change: Change }[] = [];
  readonly #savedAt = new Set<number>();
  #store = memorySnapshotStore();
  readonly stats = { saved: 0, wiped: 0, rolledBack: 0 };

  constructor(world: World) {
    this.#world = world;
    world.onStep = () => this.#step();
  }

  /** Whether somebody has saved a state as of this place. */
  hasSavedAt(position: number): boolean {
    return this.#savedAt.has(position);
  }

  /** The store as one node reaches it. */
  storeOf(bag: Mailbag): SnapshotStore {
    const world = this.#world;
    const reached = async <T>(answer: () => Promise<T>): Promise<T> =>
      await world.operation(bag, () => {
        if (world.faults && world.draw() < 0.04) throw new Error("the store is down");
        return answer();
      });
    return {
      load: (key, bounds) => reached(() => this.#store.load(key, bounds)),
      save: (key, snapshot) =>
        reached(async () => {
          const isSaved = await this.#change((store) => store.save(key, snapshot));
          this.#savedAt.add(snapshot.position);
          return isSaved;
        }),
      delete: (key, bounds) => reached(() => this.#change((store) => store.delete(key, bounds))),
      close: () => Promise.resolve(),
    };
  }

  /** Also what a dead node has sent arrives. */
  #change<T>(change: (store: SnapshotStore) => Promise<T>): Promise<T> {
    const world = this.#world;
    if (!world.faults || world.draw() >= 0.2) return this.#apply(change);
    this.#late.push({ dueMs: world.nowMs + 1 + world.pick(LATE_STEPS_MAX), change });
    return Promise.reject(new Error("no answer"));
  }

  #apply<T>(change: (store: SnapshotStore) => Promise<T>): Promise<T> {
    this.#changes.push(change);
    this.stats.saved += 1;
    return change(this.#store);
  }

  #step(): void {
    const world = this.#world;
    for (const late of this.#late.splice(0)) {
      if (late.dueMs > world.nowMs) this.#late.push(late);
      else void this.#apply(late.change);
    }
    const chance = world.draw();
    if (chance < 0.003) this.#restore(0);
    else if (chance < 0.006) this.#restore(world.pick(this.#changes.length));
    else if (chance < 0.01) this.#fillByAnother();
  }

  #restore(changes: number): void {
    this.#store = memorySnapshotStore();
    this.#changes.length = changes;
    for (const change of this.#changes) void change(this.#store);
    if (changes === 0) this.stats.wiped += 1;
    else this.stats.rolledBack += 1;
  }

  /** The same names, in another journal. */
  #fillByAnother(): void {
    const { log } = this.#world;
    const record = log[this.#world.pick(log.length)];
    if (record === undefined) return;
    const payload = encodePayload({ state: [1, 2, 3], timers: [], replies: [] }, "a snapshot");
    const rest = { position: record.position, sequenceNumber: 3, schemaVersion: 1, timeMs: 0 };
    for (const persistenceId of entityNames) {
      const key = { journalId: FOREIGN_JOURNAL_ID, persistenceId };
      void this.#apply((store) => store.save(key, { ...rest, payload }));
    }
  }
}
