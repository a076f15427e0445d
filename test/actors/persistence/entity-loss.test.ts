/** What runs ahead of the log, who sees what of it, and what happens when a commit is lost. */
import { describe, expect, it } from "vitest";
import { memoryJournal } from "../../../src/actors/persistence/journals/memory/index.ts";
import { definePersistentActor, isTroupeError, type System } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { crash, disk, failureOf, freeze, settle, start } from "./entity-fixture.ts";

const effects: number[] = [];
let late: { readonly promise: Promise<void>; resolve(): void };

function newGate(): typeof late {
  let resolve = (): void => {};
  const promise = new Promise<void>((open) => {
    resolve = open;
  });
  return { promise, resolve };
}

const define = (name: string, serial: boolean) =>
  definePersistentActor(name, { initialState: () => ({ n: 0 }), serial })
    .events({ added: (state, by: number) => ({ n: state.n + by }) })
    .commands({
      add: (counter, by: number) => {
        counter.persist("added", by);
        counter.afterCommit(() => effects.push(by));
        return counter.state.n;
      },
      refuse: (counter) => counter.reject("no", counter.state.n),
      fail: (counter) => {
        throw new Error(`at ${counter.state.n}`);
      },
      get: (counter) => counter.state.n,
      getAndWrite: (counter) => counter.persist("added", 1),
      addLater: async (counter, by: number) => {
        await late.promise;
        counter.persist("added", by);
      },
    });
const Counter = define("counter", false);
const Serial = define("serial", true);

function track<T>(promise: Promise<T>, into: T[]): Promise<void> {
  return promise.then((value) => {
    into.push(value);
  });
}

describe("pipelining", () => {
  it("goes on with provisional state while the log is slow; nobody outside sees it", async () => {
    const journal = disk();
    const system = await start({ journal });
    const one = system.actor(Counter, "ahead");
    await one.add(1);
    effects.length = 0;
    const release = journal.hold();
    const replies: unknown[] = [];
    const asked = [
      track(one.add(10), replies),
      track(one.add(100), replies),
      track(one.get(), replies),
      track(one.try.refuse(), replies),
      track(failureOf(one.fail()), replies),
    ];
    await settle();
    expect([replies, effects]).toEqual([[], []]);
    expect(system.entities()).toMatchObject([{ unconfirmed: 5, waiting: 0, state: { n: 1 } }]);
    const local = one.with({ read: "local" });
    expect([await local.get(), await local.try.refuse()]).toMatchObject([
      1,
      { rejection: { details: 1 } },
    ]);
    release();
    await Promise.all(asked);
    expect(replies.slice(0, 3)).toEqual([11, 111, 111]);
    expect(replies[3]).toMatchObject({ rejection: { details: 111 } });
    expect(replies[4]).toMatchObject({ details: { reason: "at 111" } });
    expect(effects).toEqual([10, 100]);
  });

  it("is turned off by `serial`", async () => {
    const journal = disk();
    const system = await start({ journal });
    const one = system.actor(Serial, "one");
    await one.get();
    const release = journal.hold();
    const both = [one.add(1), one.add(1), one.add(1)];
    await settle();
    expect(system.entities()).toMatchObject([{ unconfirmed: 1, waiting: 2 }]);
    release();
    expect(await Promise.all(both)).toEqual([1, 2, 3]);
  });

  it("is bounded: beyond the limit commands wait", async () => {
    const journal = disk();
    const system = await start({ journal, limits: { unconfirmedTurnsMax: 10 } });
    const one = system.actor(Counter, "bounded");
    await one.get();
    const release = journal.hold();
    const all = Array.from({ length: 25 }, () => one.add(1));
    await settle();
    expect(system.entities()).toMatchObject([{ unconfirmed: 10, waiting: 15 }]);
    release();
    expect((await Promise.all(all)).at(-1)).toBe(25);
  });

  it("refuses to write in a local read", async () => {
    const system = await start();
    const one = system.actor(Counter, "local");
    const failed = await failureOf(one.with({ read: "local" }).getAndWrite());
    const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : failed;
    expect(isTroupeError(cause, "TROUPE_OPTION_INVALID")).toBe(true);
    expect(await one.get()).toBe(0);
  });

  it("keeps one answer per call, in order, over thousands of calls", async () => {
    const system = await start();
    const actors = Array.from({ length: 20 }, (_, n) => system.actor(Counter, `many-${n}`));
    const replies = await Promise.all(
      actors.map((actor) => Promise.all(Array.from({ length: 250 }, () => actor.add(1)))),
    );
    const counted = Array.from({ length: 250 }, (_, n) => n + 1);
    for (const reply of replies) expect(reply).toEqual(counted);
  });
});

describe("a commit without an ack", () => {
  it("is found in the log: the caller waits, and hears the truth", async () => {
    const journal = disk();
    const system = await start({ journal });
    const one = system.actor(Counter, "lost-ack");
    await one.add(1);
    journal.next("lost-ack");
    expect(await one.add(1)).toBe(2);
    journal.next("dropped");
    expect(await one.add(1)).toBe(3);
    journal.next("displaced");
    expect(await one.add(1)).toBe(4);
    journal.next("duplicate");
    expect(await one.add(1)).toBe(5);
    expect(await one.get()).toBe(5);
  });

  it("that was refused for certain is not done, and the entity goes on from the log", async () => {
    const journal = disk();
    const system = await start({ journal });
    const one = system.actor(Counter, "refused");
    await one.add(1);
    effects.length = 0;
    journal.next("refused");
    const failed = await failureOf(one.add(10));
    expect(isTroupeError(failed) && [failed.code, failed.outcome]).toEqual([
      "TROUPE_JOURNAL_REFUSED",
      "not-done",
    ]);
    expect(await one.add(100)).toBe(101);
    expect(effects).toEqual([100]);
  });
});

describe("a lost shard", () => {
  it("throws away all provisional state; callers of commits hear unknown, of reads not-done", async () => {
    const journal = disk(1);
    const system = await start({ journal });
    const one = system.actor(Counter, "deposed");
    await one.add(1);
    effects.length = 0;
    // It freezes, another node takes over, and what it had sent lands behind the other's claim.
    const thaw = freeze(system);
    const lost = [one.add(10), one.add(100)].map(failureOf);
    const read = failureOf(one.get());
    await settle();
    const other = await start({ journal, name: "other" });
    expect(await other.actor(Counter, "deposed").add(1_000)).toBe(1_001);
    thaw();
    for (const failure of await Promise.all(lost)) {
      expect(isTroupeError(failure, "TROUPE_SHARD_DEPOSED") && failure.outcome).toBe("unknown");
    }
    const readFailure = await read;
    expect(isTroupeError(readFailure, "TROUPE_SHARD_NOT_SERVING") && readFailure.outcome).toBe(
      "not-done",
    );
    expect(effects).toEqual([1_000]);
    expect(await other.actor(Counter, "deposed").get()).toBe(1_001);
  });

  it("never acknowledges what the log does not have, however owners change", async () => {
    const journal = disk(1);
    const systems = [await start({ journal, name: "one" }), await start({ journal, name: "two" })];
    let acked = 0;
    let unknown = 0;
    for (let round = 0; round < 60; round++) {
      const system = systems[round % 7 === 0 ? 1 : 0] as System;
      await system
        .actor(Counter, "fought")
        .with({ timeoutMs: 20_000 })
        .add(1)
        .then(
          () => acked++,
          (error: unknown) => {
            if (!isTroupeError(error)) throw error;
            if (error.outcome === "unknown") unknown++;
          },
        );
    }
    const last = systems[1] as System;
    const total = await waitUntil("somebody serves the shard", () =>
      last
        .actor(Counter, "fought")
        .get()
        .catch(() => undefined),
    );
    expect(acked).toBeGreaterThan(0);
    expect(total).toBeGreaterThanOrEqual(acked);
    expect(total).toBeLessThanOrEqual(acked + unknown);
  });

  it("revokes a handler that still runs: what it persists afterwards goes nowhere", async () => {
    const journal = disk(1);
    const system = await start({ journal });
    const one = system.actor(Counter, "revoked");
    await one.add(1);
    late = newGate();
    const running = failureOf(one.addLater(1_000));
    await settle();
    journal.next("refused");
    const other = system.actor(Counter, "somebody-else");
    await failureOf(other.add(1));
    const stopped = await running;
    expect(isTroupeError(stopped, "TROUPE_ACTOR_STOPPED") && stopped.outcome).toBe("unknown");
    late.resolve();
    await settle();
    expect(await one.get()).toBe(1);
  });

  it("lets commands that had not begun run after the recovery", async () => {
    const journal = disk(1);
    const system = await start({ journal });
    const one = system.actor(Serial, "queued");
    await one.add(1);
    journal.next("refused");
    const lost = failureOf(one.add(10));
    const queued = [one.add(100), one.get()];
    expect(isTroupeError(await lost)).toBe(true);
    expect(await Promise.all(queued)).toEqual([101, 101]);
  });
});

describe("a crash at any boundary", () => {
  it("leaves a prefix of what was done, with every acknowledged event in it", async () => {
    const journal = disk(1);
    const system = await start({ journal });
    const one = system.actor(Counter, "prefix");
    const acked: { position: number; n: number }[] = [];
    for (let by = 1; by <= 40; by++) {
      const n = await one.add(by);
      acked.push({ position: (await journal.tail(0)).end, n });
    }
    crash(system);
    const { records } = await journal.read(0, 0, 10_000_000);
    for (let length = 0; length <= records.length; length++) {
      const copy = memoryJournal({
        shards: 1,
        random: {
          next: () => 0,
          uuid: () => "0",
          bytes: () => Buffer.from(journal.journalId, "hex"),
        },
      });
      expect(copy.journalId).toBe(journal.journalId);
      for (const { position, bytes } of records.slice(0, length)) {
        await copy.append([{ shard: 0, expected: position, bytes }]);
      }
      const { end } = await copy.tail(0);
      const expected = acked.findLast(({ position }) => position <= end)?.n ?? 0;
      const again = await start({ journal: copy, name: `after-${length}` });
      expect(await again.actor(Counter, "prefix").get()).toBe(expected);
      await again.stop();
    }
  });
});
