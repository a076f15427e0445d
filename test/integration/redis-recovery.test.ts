/** Entities that recover beside a real Redis: it makes them quick, and whatever befalls it they lose nothing. */
import { describe, expect, it, onTestFinished } from "vitest";
import {
  openRedisSnapshotStore,
  type SnapshotKey,
  type SnapshotStore,
} from "../../src/actors/persistence/index.ts";
import { definePersistentActor, type System } from "../../src/index.ts";
import { crash, disk, start } from "../actors/persistence/entity-fixture.ts";
import { redisClient, redisForTest } from "../support/redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const timeoutMs = 500;
let applied = 0;

const Counter = definePersistentActor("counter", {
  initialState: () => ({ n: 0, ballast: "b".repeat(700_000) }),
  snapshot: { everyEvents: 10 },
})
  .events({
    added: (state, by: number) => {
      applied++;
      return { ...state, n: state.n + by };
    },
  })
  .commands({
    add: (counter, by: number) => counter.persist("added", by),
    get: (counter) => counter.state.n,
  });

async function opened(url: string): Promise<SnapshotStore> {
  const store = await openRedisSnapshotStore({ url, timeoutMs });
  onTestFinished(() => store.close());
  return store;
}

async function add(system: System, times: number): Promise<void> {
  for (let n = 0; n < times; n++) await system.actor(Counter, "x").add(1);
}

async function saved(store: SnapshotStore, key: SnapshotKey, number: number): Promise<void> {
  await waitUntil(
    `the snapshot of event ${number} is there`,
    async () => (await store.load(key))?.sequenceNumber === number,
  );
}

describe("recovery beside Redis", () => {
  it("goes on from the snapshot, from the whole log after a wipe, and from what is stale", async () => {
    const { url } = await redisForTest(["--appendfsync", "always"]);
    const journal = disk(1);
    const key = { journalId: journal.journalId, persistenceId: "counter/x" };
    const store = await opened(url);
    const system = await start({ journal, snapshots: await opened(url) });
    for (const number of [10, 20]) {
      await add(system, 10);
      await saved(store, key, number);
    }
    await add(system, 5);
    crash(system);
    applied = 0;
    const second = await start({ journal, snapshots: await opened(url) });
    expect(await second.actor(Counter, "x").get()).toBe(25);
    expect(applied).toBe(5);
    // Redis goes back to an older state, as after the loss of its last writes.
    const stale = await store.load(key, { sequenceNumberMax: 20 });
    await add(second, 5);
    await saved(store, key, 30);
    await add(second, 5);
    crash(second);
    await redisClient(url).flushall();
    if (stale === undefined) throw new Error("the snapshot of event 20 is away");
    await store.save(key, stale);
    applied = 0;
    const third = await start({ journal, snapshots: await opened(url) });
    expect(await third.actor(Counter, "x").get()).toBe(35);
    expect(applied).toBe(15);
    crash(third);
    await redisClient(url).flushall();
    applied = 0;
    const fourth = await start({ journal, snapshots: await opened(url) });
    expect(await fourth.actor(Counter, "x").get()).toBe(35);
    expect(applied).toBe(35);
  });

  it("knows nothing of another journal in the same Redis", async () => {
    const { url } = await redisForTest();
    const system = await start({ journal: disk(1), snapshots: await opened(url) });
    await add(system, 12);
    const other = await start({ journal: disk(1), snapshots: await opened(url) });
    expect(await other.actor(Counter, "x").get()).toBe(0);
    await add(other, 3);
    expect(await other.actor(Counter, "x").get()).toBe(3);
  });

  it.each(["killed", "frozen"] as const)(
    "waits no longer than its time for a %s Redis",
    async (how) => {
      const own = await redisForTest();
      const journal = disk(1);
      const system = await start({ journal, snapshots: await opened(own.url) });
      await add(system, 15);
      crash(system);
      const snapshots = await opened(own.url);
      if (how === "killed") await own.kill();
      else own.freeze();
      const again = await start({ journal, snapshots });
      const startedMs = performance.now();
      expect(await again.actor(Counter, "x").get()).toBe(15);
      expect(performance.now() - startedMs).toBeLessThan(timeoutMs + 10_000);
      // Commands do not wait for snapshots at all.
      await add(again, 20);
      expect(await again.actor(Counter, "x").get()).toBe(35);
    },
  );
});
