/** Cuts of the log under entities in memory: what they are asked for, and when they are not. */
import { expect, it, vi } from "vitest";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { definePersistentActor, type System, silentLogger } from "../../../src/index.ts";
import { crash, disk, settle, start } from "./entity-fixture.ts";

const Counter = definePersistentActor("counter", { initialState: () => ({ n: 0 }) })
  .events({ added: (state, by: number) => ({ n: state.n + by }) })
  .commands({
    add: (counter, by: number) => {
      counter.persist("added", by);
      return counter.state.n;
    },
    get: (counter) => counter.state.n,
    end: (counter) => counter.delete(),
  });

/** Each of its commits has a base. */
const Saved = definePersistentActor("saved", {
  initialState: () => ({ n: 0 }),
  snapshot: { everyEvents: 1 },
})
  .events({ added: (state, by: number) => ({ n: state.n + by }) })
  .commands({
    add: (saved, by: number) => {
      saved.persist("added", by);
      return saved.state.n;
    },
  });

/** Every append makes a round of cuts due. */
const limits = { cutAfterBytes: 1 };

type Journal = ReturnType<typeof disk>;

interface Gate {
  /** Calls that wait. */
  readonly held: number;
  open(): void;
}

/** Holds up the calls of one method until it is opened. */
function gate(journal: Journal, method: "tail" | "append" | "read" | "readAt"): Gate {
  const inner = journal[method] as (...given: unknown[]) => Promise<unknown>;
  let letGo = (): void => {};
  const opened = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  const made = {
    held: 0,
    open(): void {
      Object.assign(journal, { [method]: inner });
      letGo();
    },
  };
  const held = (...given: unknown[]) => {
    made.held += 1;
    return opened.then(() => inner.apply(journal, given));
  };
  Object.assign(journal, { [method]: held });
  return made;
}

/** Adds until a round of cuts has begun, which the gate at `tail` holds up. Returns how often. */
async function addUntilCut(system: System, id: string, tail: Gate): Promise<number> {
  for (let added = 1; added <= 1_000; added++) {
    await system.actor(Counter, id).add(1);
    if (tail.held > 0) return added;
  }
  throw new Error("no round of cuts has begun");
}

async function lowOf(journal: Journal): Promise<number> {
  return (await journal.tail(0)).low;
}

it("gives no base of an entity whose deletion is on its way", async () => {
  const journal = disk(1);
  const system = await start({ journal, limits });
  const ids = ["a", "b", "c", "d"];
  for (const id of ids) await system.actor(Counter, id).add(1);
  // What a round has copied the next one leaves alone: in four rounds some are asked for that end just then.
  for (const id of ids) {
    const tail = gate(journal, "tail");
    await addUntilCut(system, "busy", tail);
    const append = gate(journal, "append");
    const ended = system.actor(Counter, id).end();
    await settle();
    tail.open();
    await settle();
    append.open();
    await ended;
    await settle();
    expect(await system.ids(Counter)).not.toContain(id);
  }
  crash(system);
  const again = await start({ journal });
  expect(await again.ids(Counter)).toEqual(["busy"]);
  expect(await again.actor(Counter, "a").add(1)).toBe(1);
});

it("gives no base of an entity that is being recovered", async () => {
  const journal = disk(1);
  const first = await start({ journal });
  for (let n = 0; n < 5; n++) await first.actor(Counter, "x").add(1);
  crash(first);
  const system = await start({ journal, limits });
  const gates = (["read", "readAt", "tail"] as const).map((method) => gate(journal, method));
  const recovered = system.actor(Counter, "x").add(1);
  const added = await addUntilCut(system, "y", gates[2] as Gate);
  gates[2]?.open();
  await settle();
  for (const held of gates) held.open();
  expect(await recovered).toBe(6);
  await settle();
  expect(await lowOf(journal)).toBeGreaterThan(0);
  crash(system);
  const again = await start({ journal });
  expect(await again.actor(Counter, "x").add(1)).toBe(7);
  expect(await again.actor(Counter, "y").add(1)).toBe(added + 1);
});

it("sees what an actor before it, stopped at its deadline, has left on its way to the log", async () => {
  const journal = disk(1);
  const system = await start({ journal });
  const saved = system.actor(Saved, "x");
  await saved.add(1);
  const append = gate(journal, "append");
  const first = saved.add(10);
  await settle();
  await saved.ref.stop({ deadlineMs: 0 });
  const second = saved.add(100);
  await settle();
  append.open();
  expect(await Promise.all([first, second])).toEqual([11, 111]);
  crash(system);
  const again = await start({ journal });
  expect(await again.actor(Saved, "x").add(1_000)).toBe(1_111);
});

it("so does one whose very first commit was on its way", async () => {
  const journal = disk(1);
  const system = await start({ journal });
  await system.actor(Saved, "other").add(1);
  const append = gate(journal, "append");
  const first = system.actor(Saved, "x").add(10);
  await settle();
  await system.actor(Saved, "x").ref.stop({ deadlineMs: 0 });
  const second = system.actor(Saved, "x").add(100);
  await settle();
  append.open();
  expect(await Promise.all([first, second])).toEqual([10, 110]);
});

it("gives no base without what an actor before it has left on its way", async () => {
  const journal = disk(1);
  const system = await start({ journal, limits });
  await system.actor(Counter, "x").add(1);
  // What a round has copied the next one leaves alone.
  for (let round = 0; round < 4; round++) {
    const tail = gate(journal, "tail");
    await addUntilCut(system, "busy", tail);
    const append = gate(journal, "append");
    const x = system.actor(Counter, "x");
    const acknowledged = x.add(10);
    await settle();
    await x.ref.stop({ deadlineMs: 0 });
    const seen = x.get();
    await settle();
    tail.open();
    await settle();
    append.open();
    expect(await seen).toBe(await acknowledged);
  }
  crash(system);
  const again = await start({ journal });
  expect(await again.actor(Counter, "x").get()).toBe(41);
});

it("tells once in a round of entities whose state cannot be had, and holds the log back for them", async () => {
  const warnings: string[] = [];
  const logger = { ...silentLogger, warn: (message: string) => void warnings.push(message) };
  let isBroken = false;
  const Broken = definePersistentActor("broken", {
    initialState: () => ({ n: 0 }),
    open: () => {
      if (isBroken) throw new Error("not to be had");
      return false;
    },
  })
    .events({ added: (state, by: number) => ({ n: state.n + by }) })
    .commands({ add: (broken, by: number) => broken.persist("added", by) });
  const journal = disk(1);
  const system = await start({ journal, logger, limits });
  await Promise.all(ids(50).map((id) => system.actor(Broken, id).add(1)));
  isBroken = true;
  warnings.length = 0;
  const cuts = vi.spyOn(journal, "tail");
  for (let added = 0; added < 300; added++) await system.actor(Counter, "busy").add(1);
  await settle();
  const needed = warnings.filter((message) => message.includes("not to be had"));
  expect(needed.length).toBeGreaterThan(0);
  expect(needed.length).toBeLessThanOrEqual(cuts.mock.calls.length);
  isBroken = false;
});

it("recovers from memory under a clock that only tests move", async () => {
  const clock = new ManualClock();
  const system = await start({ journal: disk(1), clock });
  const x = system.actor(Counter, "x");
  for (let added = 0; added < 90; added++) await x.add(1);
  for (let life = 0; life < 3; life++) {
    await x.ref.stop();
    clock.advance(5_000);
    expect(await x.get()).toBe(90);
  }
});

function ids(count: number): string[] {
  return Array.from({ length: count }, (_, number) => `b${number}`);
}
