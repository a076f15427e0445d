/** Cuts of the log under entities in memory: what they are asked for, and when they are not. */
import { expect, it } from "vitest";
import { definePersistentActor, type System } from "../../../src/index.ts";
import { crash, disk, settle, start } from "./entity-fixture.ts";

const Counter = definePersistentActor("counter", { initialState: () => ({ n: 0 }) })
  .events({ added: (state, by: number) => ({ n: state.n + by }) })
  .commands({
    add: (counter, by: number) => {
      counter.persist("added", by);
      return counter.state.n;
    },
    end: (counter) => counter.delete(),
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
