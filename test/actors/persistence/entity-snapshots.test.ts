/** States kept beside the log: they make recoveries short, and are believed only as far as the log proves them. */
import { describe, expect, it, vi } from "vitest";
import { systemRandom } from "../../../src/actors/kernel/index.ts";
import {
  memorySnapshotStore,
  type Snapshot,
  type SnapshotStore,
} from "../../../src/actors/persistence/index.ts";
import { memoryJournal } from "../../../src/actors/persistence/journals/memory/index.ts";
import { definePersistentActor, type Logger, silentLogger } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { crash, disk, freeze, settle, start } from "./entity-fixture.ts";

const applied: number[] = [];

const Counter = definePersistentActor("counter", {
  initialState: () => ({ n: 0 }),
  snapshot: { everyEvents: 10 },
})
  .events({
    added: (state, by: number) => {
      applied.push(by);
      return { n: state.n + by };
    },
  })
  .commands({
    add: (counter, by: number) => counter.persist("added", by),
    get: (counter) => counter.state.n,
    end: (counter) => counter.delete(),
  });

/** Stays when a system is stopped, as a server of its own does. */
function server(): SnapshotStore & { saved: Snapshot[]; broken: boolean } {
  const store = memorySnapshotStore({ keep: 100 });
  const saved: Snapshot[] = [];
  const made = {
    saved,
    broken: false,
    load: (...given: Parameters<SnapshotStore["load"]>) =>
      made.broken ? Promise.reject(new Error("down")) : store.load(...given),
    save: (...given: Parameters<SnapshotStore["save"]>) => {
      if (made.broken) return Promise.reject(new Error("down"));
      saved.push(given[1]);
      return store.save(...given);
    },
    delete: (...given: Parameters<SnapshotStore["delete"]>) =>
      made.broken ? Promise.reject(new Error("down")) : store.delete(...given),
    close: () => Promise.resolve(),
  };
  return made;
}

async function add(
  system: Awaited<ReturnType<typeof start>>,
  id: string,
  times: number,
): Promise<void> {
  for (let n = 0; n < times; n++) await system.actor(Counter, id).add(1);
}

describe("a snapshot store", () => {
  it("spares the recovery what lies before the newest snapshot", async () => {
    const journal = disk();
    const snapshots = server();
    const system = await start({ journal, snapshots });
    await add(system, "x", 34);
    expect(snapshots.saved.map(({ sequenceNumber }) => sequenceNumber)).toEqual([10, 20, 30]);
    crash(system);
    applied.length = 0;
    const again = await start({ journal, snapshots });
    expect(await again.actor(Counter, "x").get()).toBe(34);
    expect(applied).toHaveLength(4);
  });

  it("gets confirmed states only", async () => {
    const journal = disk(1);
    const snapshots = server();
    const system = await start({ journal, snapshots });
    await add(system, "x", 5);
    const thaw = freeze(system);
    const adding = Promise.all(Array.from({ length: 20 }, () => system.actor(Counter, "x").add(1)));
    await settle();
    expect(snapshots.saved).toEqual([]);
    thaw();
    await adding;
    await waitUntil("it is saved", () => snapshots.saved.length > 0);
    expect(snapshots.saved[0]?.sequenceNumber).toBe(25);
  });

  it("that is wiped, down or slow loses nothing", async () => {
    const journal = disk();
    const snapshots = server();
    const system = await start({ journal, snapshots });
    await add(system, "x", 15);
    snapshots.broken = true;
    await add(system, "x", 15);
    crash(system);
    const again = await start({ journal, snapshots });
    expect(await again.actor(Counter, "x").get()).toBe(30);
    await add(again, "x", 1);
    crash(again);
    const wiped = await start({ journal, snapshots: server() });
    expect(await wiped.actor(Counter, "x").get()).toBe(31);
  });

  it("that is ahead of the log, as after a roll-back of the log, is not believed", async () => {
    const journal = disk(1);
    const snapshots = server();
    const system = await start({ journal, snapshots });
    await add(system, "x", 9);
    const lines: string[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      error: () => {},
      warn: (message: string) => lines.push(message),
      child: () => logger,
    };
    const key = { journalId: journal.journalId, persistenceId: "counter/x" };
    await snapshots.save(key, {
      sequenceNumber: 500,
      position: 1_000_000,
      schemaVersion: 1,
      timeMs: 0,
      payload: new Uint8Array(3),
    });
    crash(system);
    const again = await start({ journal, snapshots, logger });
    expect(await again.actor(Counter, "x").get()).toBe(9);
    expect(lines.join()).toContain("ahead of the log");
  });

  it("of events that the log lost is not believed, when as many others have taken their place", async () => {
    const random = { ...systemRandom, bytes: (count: number) => new Uint8Array(count) };
    const before = memoryJournal({ shards: 1, random });
    const snapshots = server();
    const system = await start({ journal: before, snapshots });
    await add(system, "x", 4);
    const { records } = await before.read(0, 0, 1 << 20);
    // Each of its own frame, and the last ones with the snapshot of the tenth are lost.
    for (let n = 0; n < 8; n++) await system.actor(Counter, "x").add(1_000);
    await waitUntil("it is saved", () => snapshots.saved.length > 0);
    crash(system);
    const after = memoryJournal({ shards: 1, random });
    await after.append(records.map(({ bytes }) => ({ shard: 0, expected: 0, bytes })));
    const alone = await start({ journal: after, snapshots: server() });
    for (let n = 0; n < 6; n++) await add(alone, "x", 1);
    expect(await alone.actor(Counter, "x").get()).toBe(10);
    crash(alone);
    const warnings: string[] = [];
    const warn = (text: string) => warnings.push(text);
    const logger: Logger = { ...silentLogger, warn, child: () => logger };
    const again = await start({ journal: after, snapshots, logger });
    expect(await again.actor(Counter, "x").get()).toBe(10);
    expect(warnings.join()).toContain("events that the log does not have");
    await add(again, "x", 2);
    crash(again);
    // Beyond the snapshot's number too.
    const third = await start({ journal: after, snapshots });
    expect(await third.actor(Counter, "x").get()).toBe(12);
  });

  it("of an earlier life of the entity is not believed", async () => {
    const journal = disk(1);
    const snapshots = server();
    const system = await start({ journal, snapshots });
    await add(system, "x", 12);
    // The deletion does not reach the store.
    snapshots.broken = true;
    await system.actor(Counter, "x").end();
    await add(system, "x", 3);
    snapshots.broken = false;
    crash(system);
    const again = await start({ journal, snapshots });
    expect(await again.actor(Counter, "x").get()).toBe(3);
    await add(again, "x", 12);
    crash(again);
    const third = await start({ journal, snapshots });
    expect(await third.actor(Counter, "x").get()).toBe(15);
  });

  it("does not keep the log from being cut under an entity that never rests", async () => {
    const journal = disk(1);
    const snapshots = server();
    const cut = vi.spyOn(journal, "cut");
    const [read, readAt] = [journal.read.bind(journal), journal.readAt.bind(journal)];
    // Slower than the next command is there, as a real one is.
    journal.read = (...given) => settle(3).then(() => read(...given));
    journal.readAt = (...given) => settle(3).then(() => readAt(...given));
    const system = await start({ journal, snapshots, limits: { cutAfterBytes: 20_000 } });
    let answered = 0;
    const busy = async (): Promise<void> => {
      for (; cut.mock.calls.length < 3 && answered < 20_000; answered++) {
        await system.actor(Counter, "hot").add(1);
        await settle(1);
      }
    };
    await Promise.all(Array.from({ length: 20 }, busy));
    expect(cut.mock.calls.length).toBe(3);
    expect((await journal.tail(0)).low).toBeGreaterThan(0);
    crash(system);
    // Redis is wiped, and still nothing is missing.
    const again = await start({ journal, snapshots: server() });
    expect(await again.actor(Counter, "hot").get()).toBe(answered);
  });
});
