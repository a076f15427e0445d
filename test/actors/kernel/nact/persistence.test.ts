import { afterEach, describe, expect, test, vi } from "vitest";
import { limits, silentLogger } from "../../../../src/actors/kernel/index.ts";
import { memoryJournal } from "../../../../src/actors/persistence/index.ts";
import { createSystem, definePersistentActor, type Journal } from "../../../../src/index.ts";
import { ArrayEngine, gate, nact, rounds } from "./plain-nact.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

/** A memory journal that outlives the systems over it. */
function disk(): Journal {
  const journal = memoryJournal({ shards: 1 });
  journal.close = () => Promise.resolve();
  return journal;
}

const open = (journal: Journal) => createSystem({ name: "ours", journal, logger: silentLogger });

const effects: string[] = [];
const Log = definePersistentActor("log", { initialState: () => ({ names: [] as string[] }) })
  .events({ added: (state, e: { name: string }) => ({ names: [...state.names, e.name] }) })
  .commands({
    add: (log, name: string) => {
      log.persist("added", { name });
      log.afterCommit(() => effects.push(name));
    },
    addBoth: (log, one: string, two: string) => {
      log.persist("added", { name: one });
      log.persist("added", { name: two });
    },
    addThenFail: (log, name: string): void => {
      log.persist("added", { name });
      throw new Error("after persist");
    },
    addLate: async (log, name: string) => {
      await new Promise((resolve) => setImmediate(resolve));
      log.persist("added", { name });
    },
    names: (log) => log.state.names,
  });

function nactOver(engine: ArrayEngine) {
  vi.spyOn(console, "log").mockImplementation(() => {});
  return nact.start(nact.configurePersistence(engine));
}

describe("fault 6: a write that fails", () => {
  test("nact: its number is lost, and a gap stays", async () => {
    const engine = new ArrayEngine();
    engine.beforeWrite = (data) =>
      data === "b" ? Promise.reject(new Error("disk")) : Promise.resolve();
    const system = nactOver(engine);
    const actor = nact.spawnPersistent(
      system,
      (_state, message, context) => context.persist(message),
      "k",
      "a",
      { onCrash: (_m, _e, context) => context["resume"] },
    );
    for (const message of ["a", "b", "c"]) nact.dispatch(actor, message);
    await rounds();
    expect(engine.of("k")).toEqual(["a#1", "c#3"]);
    nact.stop(system);
  });

  test("ours: what is not stored has no number; a turn is stored whole or not at all", async () => {
    const journal = disk();
    const system = await open(journal);
    const log = system.actor(Log, "k");
    await log.add("a");
    await expect(log.addThenFail("b")).rejects.toMatchObject({ code: "TROUPE_COMMAND_FAILED" });
    await log.addBoth("c", "d");
    await system.stop();
    const again = await open(journal);
    expect(await again.actor(Log, "k").names()).toEqual(["a", "c", "d"]);
    await again.stop();
  });
});

describe("fault 7: writers", () => {
  test("nact: two actors write one key, each with its own number 1; late writes change places", async () => {
    const engine = new ArrayEngine();
    const held = gate();
    engine.beforeWrite = (data) => (data === "slow" ? held.promise : Promise.resolve());
    const system = nactOver(engine);
    const handler = (_state: unknown, message: string, context: { persist: unknown }): void => {
      const persist = context.persist as (event: string) => Promise<void>;
      void persist(message);
    };
    const one = nact.spawnPersistent(system, handler, "k", "one");
    const two = nact.spawnPersistent(system, handler, "k", "two");
    await rounds();
    nact.dispatch(one, "slow");
    nact.dispatch(one, "fast");
    nact.dispatch(two, "other");
    await rounds();
    nact.stop(one);
    held.open();
    await rounds();
    expect([...engine.of("k")].sort()).toEqual(["fast#2", "other#1", "slow#1"]);
    expect(engine.of("k").at(-1)).toBe("slow#1");
    nact.stop(system);
  });

  test("ours: one id is one actor, and its events are in the order of its turns", async () => {
    const journal = disk();
    const system = await open(journal);
    const [one, two] = [system.actor(Log, "k"), system.actor(Log, "k")];
    await Promise.all([one.addLate("a"), two.add("b"), one.addBoth("c", "d"), two.add("e")]);
    const names = await one.names();
    expect(names).toEqual(["a", "b", "c", "d", "e"]);
    await system.stop();
    const again = await open(journal);
    expect(await again.actor(Log, "k").names()).toEqual(names);
    await again.stop();
  });
});

describe("fault 8: a replay", () => {
  test("nact: runs the side effects again", async () => {
    const engine = new ArrayEngine();
    engine.stored.push({ key: "k", sequenceNumber: 1, data: "mail" });
    const system = nactOver(engine);
    const sent: string[] = [];
    nact.spawnPersistent(system, (_state, message: string) => void sent.push(message), "k", "a");
    await rounds();
    expect(sent).toEqual(["mail"]);
    nact.stop(system);
  });

  test("ours: applies events only; effects ran once, after their commit", async () => {
    effects.length = 0;
    const journal = disk();
    const system = await open(journal);
    await system.actor(Log, "k").add("mail");
    await system.stop();
    const again = await open(journal);
    expect(await again.actor(Log, "k").names()).toEqual(["mail"]);
    expect(effects).toEqual(["mail"]);
    await again.stop();
  });
});

describe("fault 9: many recoveries at once", () => {
  test("nact: all of them", async () => {
    const engine = new ArrayEngine();
    const held = gate();
    let reading = 0;
    engine.latestSnapshot = async () => {
      reading++;
      await held.promise;
      return undefined;
    };
    const system = nactOver(engine);
    for (let i = 0; i < 500; i++) nact.spawnPersistent(system, () => {}, `k${i}`, `a${i}`);
    await rounds();
    expect(reading).toBe(500);
    held.open();
    await rounds();
    nact.stop(system);
  });

  test("ours: as many as the limit allows", async () => {
    const journal = disk();
    const system = await open(journal);
    const ids = Array.from({ length: 200 }, (_, i) => `k${i}`);
    await Promise.all(ids.map((id) => system.actor(Log, id).add(id)));
    await system.stop();
    let reading = 0;
    let most = 0;
    const readAt = journal.readAt.bind(journal);
    journal.readAt = async (shard, position) => {
      most = Math.max(most, ++reading);
      await new Promise((resolve) => setImmediate(resolve));
      try {
        return await readAt(shard, position);
      } finally {
        reading--;
      }
    };
    const again = await open(journal);
    most = 0;
    const names = await Promise.all(ids.map((id) => again.actor(Log, id).names()));
    expect(names).toEqual(ids.map((id) => [id]));
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(limits.recoveriesMax);
    await again.stop();
  });
});

describe("fault 10: a snapshot that cannot be made", () => {
  test("nact: is told as a crash of the handler, although the event is stored", async () => {
    const engine = new ArrayEngine();
    const system = nactOver(engine);
    const crashes: unknown[] = [];
    const actor = nact.spawnPersistent(
      system,
      async (_state, message, context) => {
        await context.persist(message);
        return "state";
      },
      "k",
      "a",
      {
        snapshotEvery: 1,
        snapshotEncoder: (state) => {
          if (state !== undefined) throw new Error("encoder");
          return state;
        },
        onCrash: (_m, error, context) => {
          crashes.push(error);
          return context["resume"];
        },
      },
    );
    nact.dispatch(actor, "a");
    await rounds();
    expect(engine.of("k")).toEqual(["a#1"]);
    expect(crashes).toMatchObject([{ message: "encoder" }]);
    nact.stop(system);
  });

  test("ours: the command succeeds, the failure is told, recovery goes by the events", async () => {
    const Odd = definePersistentActor("odd", {
      initialState: () => ({ n: 0, impossible: undefined as unknown }),
      snapshot: { everyEvents: 1 },
    })
      .events({
        added: (state, e: { n: number }) => ({ n: state.n + e.n, impossible: () => state }),
      })
      .commands({
        add: (odd, n: number) => odd.persist("added", { n }),
        n: (odd) => odd.state.n,
      });
    const journal = disk();
    const lines: string[] = [];
    const logger = {
      ...silentLogger,
      child: () => logger,
      error: (line: string) => void lines.push(line),
    };
    const system = await createSystem({ name: "ours", journal, logger });
    const odd = system.actor(Odd, "o");
    for (let i = 0; i < 5; i++) await odd.add(1);
    expect(lines.join()).toContain("no snapshot");
    await system.stop();
    const again = await open(journal);
    expect(await again.actor(Odd, "o").n()).toBe(5);
    await again.stop();
  });
});
