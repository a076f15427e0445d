/** Coming back: what is started by itself, `recovered`, versions, limits, and recoveries that fail. */
import { describe, expect, it } from "vitest";
import { RecoveryPermits } from "../../../src/actors/persistence/recovery-permits.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { definePersistentActor, isTroupeError } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { armedTimers, crash, disk, failureOf, freeze, settle, start } from "./entity-fixture.ts";

const sent: string[] = [];
let brokenRecoveries = 0;

const Order = definePersistentActor("order", {
  initialState: () => ({ lines: 0, status: "new" as "new" | "sending" | "done", recoveries: 0 }),
  open: (state) => state.status === "sending",
  recovered: (order) => {
    if (brokenRecoveries-- > 0) throw new Error("the mailer is down");
    if (order.state.status !== "sending") return;
    order.persist("recovered");
    order.afterCommit(() => sent.push(order.id));
  },
})
  .events({
    begun: (state) => ({ ...state, status: "sending" as const }),
    ended: (state) => ({ ...state, status: "done" as const }),
    lined: (state, e: { by: number }) => ({ ...state, lines: state.lines + e.by }),
    recovered: (state) => ({ ...state, recoveries: state.recoveries + 1 }),
  })
  .commands({
    begin: (order) => order.persist("begun"),
    end: (order) => order.persist("ended"),
    line: (order, by: number) => order.persist("lined", { by }),
    get: (order) => order.state,
  });

describe("half-done work", () => {
  it("is started again by itself after everything died; the rest is left asleep", async () => {
    const journal = disk();
    const system = await start({ journal, definitions: [Order] });
    for (let n = 0; n < 30; n++) await system.actor(Order, `half-${n}`).begin();
    await system.actor(Order, "never-begun").line(1);
    await system.actor(Order, "ended").begin();
    await system.actor(Order, "ended").end();
    crash(system);
    sent.length = 0;
    const again = await start({ journal, definitions: [Order] });
    await waitUntil("all of them have sent", () => sent.length === 30);
    expect(new Set(sent).size).toBe(30);
    expect(again.entities().map(({ id }) => id)).not.toContain("ended");
    expect(again.entities()).toHaveLength(30);
    expect(await again.actor(Order, "half-7").get()).toMatchObject({ recoveries: 1 });
  });

  it("waits for its definition, and starts when it is registered", async () => {
    const journal = disk();
    const system = await start({ journal });
    await system.actor(Order, "unclaimed").begin();
    crash(system);
    sent.length = 0;
    const again = await start({ journal });
    await waitUntil("it is seen", () => again.unclaimed().get("order") === 1);
    again.actor(Order, "somebody-else");
    await waitUntil("it has sent", () => sent.includes("unclaimed"));
  });

  it("is tried again when its recovery fails", async () => {
    const journal = disk();
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    await system.actor(Order, "stubborn").begin();
    crash(system);
    sent.length = 0;
    brokenRecoveries = 3;
    await start({ journal, clock, definitions: [Order] });
    for (let left = 3; left > 0; left--) {
      await waitUntil("it was tried", () => brokenRecoveries === left - 1);
      await settle();
      clock.advance(60_000);
    }
    await waitUntil("it has sent", () => sent.includes("stubborn"));
  });

  it("arms nothing any more when its recovery fails under a stop", async () => {
    let isBroken = false;
    const Fragile = definePersistentActor("fragile", { initialState: () => ({ n: 0 }) })
      .events({
        added: ({ n }) => {
          if (isBroken) throw new Error("broken");
          return { n: n + 1 };
        },
      })
      .timers<{ later: undefined }>({ later: () => {} })
      .commands({
        add: (c) => {
          c.persist("added");
          c.timers.start("later", { afterMs: 86_400_000 });
        },
      });
    const journal = disk(1);
    const first = await start({ journal, clock: new ManualClock() });
    await first.actor(Fragile, "a").add();
    crash(first);
    isBroken = true;
    const clock = new ManualClock();
    const armed = armedTimers(clock);
    const system = await start({ journal, clock, definitions: [Fragile] });
    await settle();
    const thaw = freeze(system);
    const asked = failureOf(system.actor(Fragile, "a").add());
    await settle();
    const stopped = system.stop();
    await settle();
    thaw();
    await asked;
    await stopped;
    await settle();
    expect(armed.size).toBe(0);
  });

  it("starts no more of them at once than the limit says", async () => {
    const journal = disk();
    const system = await start({ journal, definitions: [Order] });
    const all = Array.from({ length: 40 }, (_, n) => system.actor(Order, `o${n}`).begin());
    await Promise.all(all);
    crash(system);
    sent.length = 0;
    let most = 0;
    const again = await start({ journal, definitions: [Order], limits: { recoveriesMax: 3 } });
    await waitUntil("all have sent", () => {
      const recovering = again.entities().filter(({ phase }) => phase === "recovering");
      most = Math.max(most, recovering.length);
      return sent.length === 40;
    });
    expect(most).toBeLessThanOrEqual(3);
  });
});

describe("recovered", () => {
  it("runs before any command, after each recovery, and not for what never was", async () => {
    const journal = disk();
    const system = await start({ journal });
    expect(await system.actor(Order, "fresh").get()).toMatchObject({ recoveries: 0 });
    await system.actor(Order, "twice").begin();
    expect(await system.actor(Order, "twice").get()).toMatchObject({ recoveries: 0 });
    for (const recoveries of [1, 2]) {
      await system.actor(Order, "twice").ref.stop();
      expect(await system.actor(Order, "twice").get()).toMatchObject({ recoveries });
    }
  });

  it("that throws fails the recovery: waiting commands hear it, the next one tries again", async () => {
    const system = await start();
    const order = system.actor(Order, "broken");
    await order.begin();
    await order.ref.stop();
    brokenRecoveries = 1;
    const failed = await failureOf(order.get());
    expect(isTroupeError(failed, "TROUPE_RECOVERY_FAILED") && failed.details.reason).toContain(
      "the mailer is down",
    );
    expect(await order.get()).toMatchObject({ status: "sending" });
  });
});

describe("recovery", () => {
  const version = (definitionVersion: 1 | 2) =>
    definePersistentActor("versioned", {
      initialState: () => ({ cents: 0 }),
      snapshot: { everyEvents: 3 },
    }).events(
      definitionVersion === 1
        ? {
            paid: (state: { cents: number }, e: { amount: number }) => ({
              cents: state.cents + e.amount * 100,
            }),
          }
        : {
            paid: {
              version: 2,
              upcast: { 1: (old: { amount: number }) => ({ cents: old.amount * 100 }) },
              handle: (state: { cents: number }, e: { cents: number }) => ({
                cents: state.cents + e.cents,
              }),
            },
          },
    );
  const One = version(1).commands({
    pay: (till, amount: number) => till.persist("paid", { amount }),
    get: (till) => till.state.cents,
  });
  const Two = version(2).commands({
    pay: (till, cents: number) => till.persist("paid", { cents }),
    get: (till) => till.state.cents,
  });

  it("reads what older versions wrote; an older program refuses what newer ones wrote", async () => {
    const journal = disk();
    const old = await start({ journal });
    await old.actor(One, "x").pay(3);
    await old.stop();
    const young = await start({ journal });
    await young.actor(Two, "x").pay(50);
    expect(await young.actor(Two, "x").get()).toBe(350);
    await young.stop();
    const older = await start({ journal });
    const failed = await failureOf(older.actor(One, "x").get());
    expect(isTroupeError(failed, "TROUPE_RECOVERY_FAILED") && failed.details.reason).toMatch(
      /event 2 \("paid"\).*version 2/,
    );
  });

  it("lifts snapshots too", async () => {
    const journal = disk();
    const first = await start({ journal });
    for (let n = 0; n < 4; n++) await first.actor(One, "snap").pay(1);
    await first.stop();
    const Euro = definePersistentActor("versioned", {
      initialState: () => ({ euro: 0 }),
      snapshot: {
        version: 2,
        upcast: { 1: (old: { cents: number }) => ({ euro: old.cents / 100 }) },
      },
    })
      .events({ paid: (state, e: { amount: number }) => ({ euro: state.euro + e.amount }) })
      .commands({ get: (till) => till.state });
    const second = await start({ journal });
    expect(await second.actor(Euro, "snap").get()).toEqual({ euro: 4 });
    await second.stop();
  });

  it("goes on for as long as it moves: a long history over a slow store is read to its end", async () => {
    const journal = disk(1);
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    const order = system.actor(Order, "long");
    for (let line = 0; line < 12; line++) await order.line(1);
    await order.ref.stop();
    const slowly = async <T>(read: () => Promise<T>): Promise<T> => {
      await new Promise<void>((resolve) => clock.setTimer(20_000, resolve));
      return read();
    };
    const readAt = journal.readAt.bind(journal);
    const readPage = journal.read.bind(journal);
    journal.readAt = (...at) => slowly(() => readAt(...at));
    journal.read = (...from) => slowly(() => readPage(...from));
    const startMs = clock.monotonicMs();
    let isDone = false;
    const read = order.with({ timeoutMs: 1e9 }).get();
    const done = read.finally(() => {
      isDone = true;
    });
    while (!isDone) {
      await settle(2);
      clock.advance(1_000);
    }
    await done;
    expect(await read).toMatchObject({ lines: 12 });
    expect(clock.monotonicMs() - startMs).toBeGreaterThan(30_000);
  });

  it("gives up after its time, tells the callers, and is tried again by the next one", async () => {
    const journal = disk(1);
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    const order = system.actor(Order, "hanging");
    await order.line(1);
    await order.ref.stop();
    const read = journal.readAt.bind(journal);
    let unblock = (): void => {};
    journal.readAt = () =>
      new Promise((resolve) => {
        unblock = () => resolve(read(0, 0));
      });
    const waiting = failureOf(order.with({ timeoutMs: 1e9 }).get());
    await settle();
    clock.advance(30_000);
    const failed = await waiting;
    expect(isTroupeError(failed, "TROUPE_RECOVERY_FAILED") && failed.message).toContain("30000 ms");
    journal.readAt = read;
    unblock();
    expect(await order.get()).toMatchObject({ lines: 1 });
  });

  it("goes through snapshots: only what is behind the newest one is applied again", async () => {
    const applied: number[] = [];
    const Counted = definePersistentActor("counted", {
      initialState: () => ({ n: 0 }),
      snapshot: { everyEvents: 10 },
    })
      .events({
        added: (state, by: number) => {
          applied.push(by);
          return { n: state.n + by };
        },
      })
      .commands({ add: (c, by: number) => c.persist("added", by), get: (c) => c.state.n });
    const journal = disk();
    const system = await start({ journal });
    for (let by = 1; by <= 34; by++) await system.actor(Counted, "x").add(by);
    crash(system);
    applied.length = 0;
    const again = await start({ journal });
    expect(await again.actor(Counted, "x").get()).toBe((34 * 35) / 2);
    expect(applied).toEqual([31, 32, 33, 34]);
    for (let by = 35; by <= 45; by++) await again.actor(Counted, "x").add(by);
    await again.actor(Counted, "x").ref.stop();
    applied.length = 0;
    await again.actor(Counted, "x").get();
    // The count went on from where the recovery had found it.
    expect(applied).toEqual([41, 42, 43, 44, 45]);
  });

  it("takes snapshots by bytes and by age", async () => {
    const clock = new ManualClock();
    const journal = disk();
    const system = await start({ journal, clock });
    for (const [name, snapshot] of [
      ["by-bytes", { everyBytes: 1_000 }],
      ["by-age", { everyMs: 60_000 }],
    ] as const) {
      const applied: string[] = [];
      const Text = definePersistentActor(name, { initialState: () => "", snapshot })
        .events({
          put: (_, text: string) => {
            applied.push(text);
            return text;
          },
        })
        .commands({ put: (c, text: string) => c.persist("put", text), get: (c) => c.state });
      const text = system.actor(Text, "x");
      await text.put("a".repeat(900));
      clock.advance(60_000);
      await text.put("b".repeat(900));
      await text.put("c");
      await text.ref.stop();
      applied.length = 0;
      expect(await text.get()).toBe("c");
      expect(applied).toEqual(["c"]);
    }
  });

  it("goes on without a snapshot that cannot be made, and says so", async () => {
    const lines: string[] = [];
    const logger = {
      debug: () => {},
      info: () => {},
      warn: () => {},
      error: (message: string) => lines.push(message),
      child: () => logger,
    };
    const Odd = definePersistentActor("odd", {
      initialState: () => ({ seen: new Set<number>() }),
      snapshot: { everyEvents: 2 },
    })
      .events({ saw: (state, n: number) => ({ seen: new Set([...state.seen, n]) }) })
      .commands({
        see: (odd, n: number) => odd.persist("saw", n),
        size: (odd) => odd.state.seen.size,
      });
    const system = await start({ logger });
    for (let n = 0; n < 5; n++) await system.actor(Odd, "x").see(n);
    await system.actor(Odd, "x").ref.stop();
    expect(await system.actor(Odd, "x").size()).toBe(5);
    expect(lines.filter((line) => line.includes("no snapshot"))).toHaveLength(2);
    expect(lines[0]).toContain("a Set");
  });
});

describe("functions that must not wait", () => {
  const wrong = (initial: unknown, handler: unknown) =>
    definePersistentActor("wrong", { initialState: (() => initial) as () => { n: number } })
      .events({ added: handler as (state: { n: number }) => { n: number } })
      .commands({ add: (c) => c.persist("added"), get: (c) => c.state.n });

  it("a handler that is async or returns nothing is refused, and its event never stored", async () => {
    for (const handler of [(state: unknown) => Promise.resolve(state), () => undefined]) {
      const system = await start({ journal: disk(1) });
      const actor = system.actor(wrong({ n: 1 }, handler), "a");
      await expect(actor.add()).rejects.toThrow(/event "added" of "wrong".*the new state|promise/);
      expect(await actor.get()).toBe(1);
    }
  });

  it("an initialState that is async or throws fails the recovery by name", async () => {
    const asynchronous = wrong(Promise.resolve({ n: 1 }), (state: unknown) => state);
    const system = await start({ journal: disk(1) });
    const error = await failureOf(system.actor(asynchronous, "a").get());
    expect(isTroupeError(error, "TROUPE_RECOVERY_FAILED")).toBe(true);
    expect(String(error)).toContain('initialState of "wrong"');
  });

  it("an upcaster that is async fails the recovery by name", async () => {
    const journal = disk(1);
    const old = definePersistentActor("thing", { initialState: () => ({ n: 0 }) })
      .events({ set: (_state, n: number) => ({ n }) })
      .commands({ set: (c, n: number) => c.persist("set", n) });
    const first = await start({ journal });
    await first.actor(old, "a").set(1);
    crash(first);
    const newer = definePersistentActor("thing", { initialState: () => ({ n: 0 }) })
      .events({
        set: {
          version: 2,
          upcast: { 1: (n: number) => Promise.resolve({ n }) },
          handle: (_state, e: { n: number }) => e,
        },
      })
      .commands({ get: (c) => c.state.n });
    const second = await start({ journal });
    const error = await failureOf(second.actor(newer, "a").get());
    expect(isTroupeError(error, "TROUPE_RECOVERY_FAILED")).toBe(true);
    expect(String(error)).toContain('upcast of event "set"');
  });
});

describe("recovery permits", () => {
  it("run at most so many at once, the others in their order, also when some fail", async () => {
    const permits = new RecoveryPermits(2);
    const running: number[] = [];
    const order: number[] = [];
    let most = 0;
    const all = Array.from({ length: 9 }, (_, n) =>
      permits
        .run(async () => {
          order.push(n);
          running.push(n);
          most = Math.max(most, running.length);
          await settle(2);
          running.splice(running.indexOf(n), 1);
          if (n % 3 === 0) throw new Error("broken");
        })
        .catch(() => {}),
    );
    await Promise.all(all);
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect([permits.taken, permits.waiting]).toEqual([0, 0]);
  });
});
