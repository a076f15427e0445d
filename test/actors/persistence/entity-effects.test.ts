/** Reliable effects: part of the commit, repeated until they have succeeded, visible when they do not. */
import { beforeEach, describe, expect, it } from "vitest";
import { isTroupeError } from "../../../src/actors/kernel/index.ts";
import type { FaultJournal } from "../../../src/actors/persistence/journals/index.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { definePersistentActor, type EffectContext, type System } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { crash, disk, failureOf, freeze, settle, start } from "./entity-fixture.ts";

interface Run extends EffectContext {
  readonly data: unknown;
}

let clock = new ManualClock();
let runs: Run[] = [];
let behave: (run: Run) => unknown = () => {};

beforeEach(() => {
  clock = new ManualClock();
  runs = [];
  behave = () => {};
});

const keys = (): string[] => runs.map(({ idempotencyKey }) => idempotencyKey);
const forever = (): Promise<void> => new Promise(() => {});

/** Lets time go by until no effect is pending. */
function allWrittenDown(system: System): Promise<boolean> {
  return waitUntil("the effects' ends are written down", async () => {
    clock.advance(500);
    await settle();
    return system.entities().every(({ pendingEffects }) => pendingEffects === 0);
  });
}

function note(effect: EffectContext, data: unknown): unknown {
  const run = { ...effect, data };
  runs.push(run);
  return behave(run);
}

const Order = definePersistentActor("order", {
  initialState: () => ({ placed: 0 }),
  snapshot: { everyEvents: 5 },
})
  .events({ placed: (state) => ({ placed: state.placed + 1 }) })
  .effects<{ receipt: { to: string }; ping: undefined }>(
    { receipt: note, ping: note },
    { attemptsMax: 3, timeoutMs: 30_000 },
  )
  .timers<{ remind: undefined }>({
    remind: (order) => {
      order.effects.run("ping");
    },
  })
  .commands({
    place: (order, to: string) => {
      order.persist("placed");
      return order.effects.run("receipt", { to });
    },
    placeMany: (order, count: number) => {
      for (let n = 0; n < count; n++) order.effects.run("receipt", { to: String(n) });
    },
    touch: (order) => order.persist("placed"),
    remind: (order) => order.timers.start("remind", { afterMs: 1_000 }),
    pingNow: (order) => {
      order.timers.cancel("remind");
      order.effects.run("ping");
    },
    fail: (order) => {
      order.effects.run("ping");
      throw new Error("no");
    },
    refuse: (order) => {
      order.effects.run("ping");
      return order.reject("no");
    },
    cancel: (order, key: string) => order.effects.cancel(key),
    leave: (order) => order.stop(),
    remove: (order) => order.delete(),
    removeAfter: (order) => {
      order.effects.run("ping");
      order.delete();
    },
    runAfterRemoval: (order) => {
      order.delete();
      order.effects.run("ping");
    },
    count: (order) => order.state.placed,
  });

/** A new process over the same journal, in which nobody calls anything; the time of the old one stands still. */
function restart(journal: FaultJournal): Promise<System> {
  clock = new ManualClock(clock.nowMs());
  return start({ journal, clock, definitions: [Order] });
}

async function quiet(system: System): Promise<void> {
  await waitUntil("no effect is pending", async () => {
    await settle(2);
    return system.entities().every(({ pendingEffects }) => pendingEffects === 0);
  });
}

describe("a reliable effect", () => {
  it("runs when its turn is in the log and not before, once, with its data and key", async () => {
    const journal = disk();
    const system = await start({ journal, clock });
    const order = system.actor(Order, "a");
    await order.count();
    const thaw = freeze(system);
    const placed = order.place("ann");
    await settle();
    expect(runs).toEqual([]);
    thaw();
    const key = await placed;
    await quiet(system);
    expect(runs).toMatchObject([{ id: "a", data: { to: "ann" }, attempt: 1, idempotencyKey: key }]);
    crash(system);
    const again = await restart(journal);
    expect(await again.actor(Order, "a").count()).toBe(1);
    await settle();
    expect(runs).toHaveLength(1);
  });

  it("runs although its actor was woken in vain while its turn was on its way", async () => {
    const system = await start({ journal: disk(), clock });
    const order = system.actor(Order, "a");
    await order.remind();
    const thaw = freeze(system);
    const pinged = order.pingNow();
    await settle();
    // The time of the timer that the turn takes back.
    clock.advance(1_000);
    await settle();
    expect(runs).toEqual([]);
    thaw();
    await pinged;
    await settle();
    expect(runs.length).toBe(1);
    expect(system.entities()[0]?.pendingEffects).toBe(0);
  });

  it("is dropped with the turn that fails or rejects, and may be asked for by a timer", async () => {
    const system = await start({ clock });
    const order = system.actor(Order, "a");
    await failureOf(order.fail());
    await failureOf(order.refuse());
    await order.remind();
    await settle();
    expect(runs).toEqual([]);
    clock.advance(1_000);
    await waitUntil("it runs", () => runs.length === 1);
    await quiet(system);
  });

  it("runs beside others of its actor, a bounded number at once, with a key of its own", async () => {
    let running = 0;
    let most = 0;
    behave = async () => {
      most = Math.max(most, ++running);
      await settle(2);
      running--;
    };
    const system = await start({ clock });
    await system.actor(Order, "a").placeMany(50);
    await quiet(system);
    expect(most).toBe(8);
    expect(new Set(keys()).size).toBe(50);
    expect(runs.map(({ data }) => (data as { to: string }).to).sort()).toEqual(
      Array.from({ length: 50 }, (_, n) => String(n)).sort(),
    );
  });

  it("is refused above the bound", async () => {
    behave = forever;
    const system = await start({ clock });
    const failed = await failureOf(system.actor(Order, "a").placeMany(1_001));
    const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : failed;
    expect(isTroupeError(cause, "TROUPE_EFFECTS_FULL")).toBe(true);
    expect(runs).toEqual([]);
  });
});

describe("an effect that fails", () => {
  it("is tried again with growing pauses under the same key, through a crash, then parked and listed", async () => {
    behave = () => {
      throw new Error("mail is down");
    };
    const journal = disk();
    const system = await start({ journal, clock });
    await system.actor(Order, "a").place("ann");
    await waitUntil("the first attempt", () => runs.length === 1);
    await settle();
    clock.advance(999);
    await settle();
    expect(runs).toHaveLength(1);
    clock.advance(1);
    await waitUntil("the second attempt", () => runs.length === 2);
    await settle();
    crash(system);

    const second = await restart(journal);
    await settle();
    expect(runs).toHaveLength(2);
    clock.advance(2_000);
    await waitUntil("the third attempt", () => runs.length === 3);
    await waitUntil("it is parked", () => second.parkedEffects().length === 1);
    clock.advance(3_600_000);
    await settle();
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(keys()).size).toBe(1);
    crash(second);

    const third = await restart(journal);
    await waitUntil("it is listed again", () => third.parkedEffects().length === 1);
    expect(third.parkedEffects()).toEqual([
      {
        persistenceId: "order/a",
        effect: "receipt",
        idempotencyKey: keys()[0],
        attempts: 3,
        reason: "mail is down",
      },
    ]);
    behave = () => {};
    third.retryEffects(Order, "a");
    await quiet(third);
    expect(runs.map(({ attempt }) => attempt)).toEqual([1, 2, 3, 1]);
    expect(third.parkedEffects()).toEqual([]);
  });

  it("by taking too long is told to end", async () => {
    behave = forever;
    const system = await start({ clock });
    await system.actor(Order, "a").place("ann");
    await waitUntil("it runs", () => runs.length === 1);
    clock.advance(30_000);
    expect(runs[0]?.signal.aborted).toBe(true);
    await settle();
    behave = () => {};
    clock.advance(1_000);
    await waitUntil("it runs again", () => runs.length === 2);
    await quiet(system);
  });

  it("can be cancelled, also while it runs", async () => {
    behave = forever;
    const system = await start({ clock });
    const order = system.actor(Order, "a");
    const key = await order.place("ann");
    await waitUntil("it runs", () => runs.length === 1);
    await order.cancel("order/b/receipt-1-0");
    await order.cancel(key);
    await quiet(system);
    expect(runs[0]?.signal.aborted).toBe(true);
    await system.stop();
  });

  it("without a handler in a later version is parked, not lost", async () => {
    behave = forever;
    const journal = disk();
    const first = await start({ journal, clock });
    await first.actor(Order, "a").place("ann");
    crash(first);
    const Later = definePersistentActor("order", { initialState: () => ({ placed: 0 }) })
      .events({ placed: (state) => ({ placed: state.placed + 1 }) })
      .effects<{ other: undefined }>({ other: () => {} }, { attemptsMax: 1 })
      .commands({});
    const system = await start({ journal, clock, definitions: [Later] });
    await waitUntil("it is parked", () => system.parkedEffects().length === 1);
    expect(system.parkedEffects()[0]?.reason).toContain('no effect "receipt"');
  });
});

describe("a crash", () => {
  it("before the commit: the effect does not run", async () => {
    const journal = disk();
    const system = await start({ journal, clock });
    await system.actor(Order, "a").touch();
    freeze(system);
    void system
      .actor(Order, "a")
      .place("ann")
      .catch(() => {});
    await settle();
    crash(system);
    const again = await restart(journal);
    expect(await again.actor(Order, "a").count()).toBe(1);
    await settle();
    expect(runs).toEqual([]);
  });

  it.each([1, 4])(
    "while it runs, %i events old: it runs again without being asked",
    async (events) => {
      behave = forever;
      const journal = disk();
      const system = await start({ journal, clock });
      const order = system.actor(Order, "a");
      const key = await order.place("ann");
      // With more events a snapshot lies between.
      for (let n = 1; n < events; n++) await order.touch();
      await waitUntil("it runs", () => runs.length === 1);
      crash(system);
      behave = () => {};
      const again = await restart(journal);
      await waitUntil("it runs again", () => runs.length === 2);
      await quiet(again);
      expect(keys()).toEqual([key, key]);
      expect(await again.actor(Order, "a").count()).toBe(events);
    },
  );

  it("of the shard's claim alone: what has succeeded meanwhile is not run again", async () => {
    let finish = (): void => {};
    behave = () => new Promise<void>((resolve) => (finish = resolve));
    const journal = disk(1);
    const system = await start({ journal, clock });
    const order = system.actor(Order, "a");
    await order.place("ann");
    await settle();
    journal.next("refused");
    expect(isTroupeError(await failureOf(order.touch()))).toBe(true);
    finish();
    await allWrittenDown(system);
    expect(keys().length).toBe(1);
  });

  it("of the shard's claim, which loses what was written of its end: that is written again", async () => {
    let finish = (): void => {};
    behave = () => new Promise<void>((resolve) => (finish = resolve));
    const journal = disk(1);
    const system = await start({ journal, clock });
    await system.actor(Order, "a").place("ann");
    await settle();
    journal.next("refused");
    finish();
    await allWrittenDown(system);
    expect(keys().length).toBe(1);
  });

  it("after it has succeeded, before that is in the log: it runs again under its key", async () => {
    const journal = disk();
    const system = await start({ journal, clock });
    let finish = (): void => {};
    behave = () => new Promise<void>((resolve) => (finish = resolve));
    await system.actor(Order, "a").place("ann");
    await waitUntil("it runs", () => runs.length === 1);
    freeze(system);
    finish();
    await settle();
    crash(system);
    behave = () => {};
    const again = await restart(journal);
    await waitUntil("it runs again", () => runs.length === 2);
    expect(new Set(keys()).size).toBe(1);
    await quiet(again);
  });

  it.each(["lost-ack", "dropped", "refused", "displaced", "duplicate"] as const)(
    "of nothing, but its success meets a write that is %s: in the end it is written",
    async (fault) => {
      const journal = disk(1);
      // The journal's owner waits in real time before it writes again.
      const system = await start({ journal });
      let finish = (): void => {};
      behave = () => new Promise<void>((resolve) => (finish = resolve));
      await system.actor(Order, "a").place("ann");
      await waitUntil("it runs", () => runs.length === 1);
      await settle();
      journal.next(fault);
      behave = () => {};
      finish();
      await quiet(system);
      expect(journal.counts[fault]).toBe(1);
      expect(new Set(keys()).size).toBe(1);
      crash(system);
      const before = runs.length;
      const again = await restart(journal);
      expect(await again.actor(Order, "a").count()).toBe(1);
      await settle();
      expect(runs).toHaveLength(before);
    },
  );
});

describe("the end of its actor", () => {
  it("a stop of the system lets it end and writes that down", async () => {
    const journal = disk();
    const system = await start({ journal, clock });
    behave = () => settle(5);
    await system.actor(Order, "a").place("ann");
    await system.stop();
    const again = await restart(journal);
    await settle();
    expect(runs).toHaveLength(1);
    await again.stop();
  });

  it("context.stop() does not let an actor leave that has effects to see to", async () => {
    behave = () => {
      throw new Error("down");
    };
    const system = await start({ clock });
    await system.actor(Order, "a").place("ann");
    await system.actor(Order, "a").leave();
    await settle();
    expect(system.entities()).toMatchObject([{ id: "a", pendingEffects: 1 }]);
  });

  it("deletion drops what has not succeeded; the next life has other keys", async () => {
    behave = forever;
    const system = await start({ clock });
    const order = system.actor(Order, "a");
    await order.place("ann");
    await waitUntil("it runs", () => runs.length === 1);
    await order.remove();
    expect(runs[0]?.signal.aborted).toBe(true);
    clock.advance(60_000);
    behave = () => {};
    await order.place("bob");
    await waitUntil("the new one runs", () => runs.length === 2);
    await quiet(system);
    expect(new Set(keys()).size).toBe(2);
    expect(runs[1]).toMatchObject({ data: { to: "bob" }, attempt: 1 });
  });

  it("deletion and another life within one reading of the clock: the keys differ all the same", async () => {
    const system = await start({ journal: disk(), clock });
    const order = system.actor(Order, "a");
    for (const to of ["ann", "bob"]) {
      await order.place(to);
      await settle();
      await order.remove();
    }
    expect(runs.map(({ data }) => data)).toEqual([{ to: "ann" }, { to: "bob" }]);
    expect(new Set(keys()).size).toBe(2);
  });

  it("an effect and the deletion of its actor cannot be one turn", async () => {
    const system = await start({ clock });
    for (const command of ["removeAfter", "runAfterRemoval"] as const) {
      const failed = await failureOf(system.actor(Order, "a")[command]());
      const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : failed;
      expect(isTroupeError(cause, "TROUPE_OPTIONS_CONTRADICT")).toBe(true);
    }
  });
});
