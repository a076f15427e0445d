/** Durable timers: part of the commit, fired once, never lost. */
import { describe, expect, it } from "vitest";
import { isTroupeError } from "../../../src/actors/kernel/index.ts";
import { WakeSchedule } from "../../../src/actors/persistence/durable-timers.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { definePersistentActor, type System } from "../../../src/index.ts";
import { waitUntil } from "../../support/wait-until.ts";
import { crash, disk, failureOf, settle, start } from "./entity-fixture.ts";

const minuteMs = 60_000;
let failures = 0;

const Alarm = definePersistentActor("alarm", {
  initialState: () => ({ rings: [] as string[] }),
  snapshot: { everyEvents: 4 },
})
  .events({ rang: (state, e: { what: string }) => ({ rings: [...state.rings, e.what] }) })
  .timers<{ ring: { what: string }; quiet: undefined; faulty: undefined; chain: number }>({
    ring: (alarm, { what }) => alarm.persist("rang", { what }),
    quiet: () => {},
    faulty: (alarm) => {
      alarm.persist("rang", { what: "tried" });
      if (failures-- > 0) throw new Error("not yet");
    },
    chain: (alarm, left) => {
      alarm.persist("rang", { what: `chain ${left}` });
      if (left > 1) alarm.timers.start("chain", { afterMs: minuteMs }, left - 1);
    },
  })
  .commands({
    set: (alarm, afterMs: number, what: string) =>
      alarm.timers.start("ring", { afterMs }, { what }),
    setAt: (alarm, atMs: number, what: string) => alarm.timers.start("ring", { atMs }, { what }),
    setChain: (alarm, left: number) => alarm.timers.start("chain", { afterMs: minuteMs }, left),
    setFaulty: (alarm) => alarm.timers.start("faulty", { afterMs: 0 }),
    setQuiet: (alarm, afterMs: number) => alarm.timers.start("quiet", { afterMs }),
    cancel: (alarm) => alarm.timers.cancel("ring"),
    setAndThrow: (alarm) => {
      alarm.timers.start("ring", { afterMs: 1 }, { what: "never" });
      throw new Error("broken");
    },
    setWrongly: (alarm) => alarm.timers.start("ring", { afterMs: Number.NaN }, { what: "x" }),
    ping: (alarm, what: string) => alarm.persist("rang", { what }),
    close: (alarm) => alarm.delete(),
    rings: (alarm) => alarm.state.rings,
  });

async function rings(system: System, id: string, expected: readonly string[]): Promise<void> {
  const alarm = system.actor(Alarm, id);
  await waitUntil(`${id} rang ${expected.join()}`, async () => {
    const heard = await alarm.rings();
    return heard.length >= expected.length;
  });
  expect(await alarm.rings()).toEqual(expected);
}

describe("a durable timer", () => {
  it("fires once, at its time, with its data", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    await system.actor(Alarm, "a").set(minuteMs, "tea");
    clock.advance(minuteMs - 1);
    await settle();
    expect(await system.actor(Alarm, "a").rings()).toEqual([]);
    clock.advance(1);
    await rings(system, "a", ["tea"]);
    clock.advance(60 * minuteMs);
    await settle();
    await rings(system, "a", ["tea"]);
  });

  it("is moved by starting it again, and stopped by cancel", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    const alarm = system.actor(Alarm, "moved");
    await alarm.set(minuteMs, "early");
    await alarm.set(2 * minuteMs, "late");
    clock.advance(minuteMs);
    await settle();
    expect(await alarm.rings()).toEqual([]);
    clock.advance(minuteMs);
    await rings(system, "moved", ["late"]);
    await alarm.set(minuteMs, "no");
    await alarm.cancel();
    clock.advance(5 * minuteMs);
    await settle();
    expect(await alarm.rings()).toEqual(["late"]);
  });

  it("is dropped with the turn that fails, and refused without a time", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    const alarm = system.actor(Alarm, "dropped");
    await failureOf(alarm.setAndThrow());
    const failed = await failureOf(alarm.setWrongly());
    const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : failed;
    expect(isTroupeError(cause, "TROUPE_OPTION_INVALID")).toBe(true);
    clock.advance(minuteMs);
    await settle();
    expect(await alarm.rings()).toEqual([]);
  });

  it("may start itself again from its own handler", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    await system.actor(Alarm, "chain").setChain(3);
    for (let i = 0; i < 3; i++) {
      clock.advance(minuteMs);
      await rings(system, "chain", ["chain 3", "chain 2", "chain 1"].slice(0, i + 1));
    }
    expect(clock.timers).toBeLessThan(4);
  });

  it("stays when its handler throws, and is tried again with growing pauses", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    failures = 3;
    await system.actor(Alarm, "faulty").setFaulty();
    for (const [pauseMs, left] of [
      [0, 2],
      [1_000, 1],
      [2_000, 0],
      [4_000, -1],
    ] as const) {
      clock.advance(pauseMs - 1);
      await settle();
      expect(failures).toBe(left + 1);
      clock.advance(1);
      await waitUntil("the next attempt", () => failures === left);
    }
    await rings(system, "faulty", ["tried"]);
  });

  it("wakes an entity that has left memory", async () => {
    const clock = new ManualClock();
    const system = await start({ clock });
    const alarm = system.actor(Alarm, "asleep");
    await alarm.set(10 * minuteMs, "up");
    await alarm.ref.stop();
    expect(system.entities()).toEqual([]);
    clock.advance(10 * minuteMs);
    await waitUntil("it is back", () => system.entities().length === 1);
    await rings(system, "asleep", ["up"]);
  });

  it("survives a crash of everything, and fires at once when it is late", async () => {
    const journal = disk();
    const clock = new ManualClock();
    const system = await start({ journal, clock, definitions: [Alarm] });
    await system.actor(Alarm, "late").set(minuteMs, "late");
    await system.actor(Alarm, "future").set(60 * minuteMs, "future");
    await system.actor(Alarm, "rung").set(1_000, "once");
    clock.advance(1_000);
    await rings(system, "rung", ["once"]);
    crash(system);
    const after = new ManualClock(clock.nowMs() + 10 * minuteMs);
    const again = await start({ journal, clock: after, definitions: [Alarm] });
    // By itself: nobody has asked for it.
    after.advance(0);
    await waitUntil("the late one is awake", () => again.entities().length > 0);
    await rings(again, "late", ["late"]);
    await rings(again, "rung", ["once"]);
    expect(await again.actor(Alarm, "future").rings()).toEqual([]);
    after.advance(0);
    await settle();
    await rings(again, "rung", ["once"]);
    after.advance(50 * minuteMs);
    await rings(again, "future", ["future"]);
  });

  it("is found again behind a snapshot, and by the live index that a base leaves", async () => {
    const journal = disk();
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    const alarm = system.actor(Alarm, "snap");
    await alarm.set(minuteMs, "still");
    for (const what of ["a", "b", "c", "d", "e"]) await alarm.ping(what);
    crash(system);
    const after = new ManualClock(clock.nowMs() + minuteMs);
    const again = await start({ journal, clock: after, definitions: [Alarm] });
    after.advance(0);
    await rings(again, "snap", ["a", "b", "c", "d", "e", "still"]);
  });

  it("of very many entities that are due at once wakes a bounded number at a time", async () => {
    const journal = disk();
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    const ids = Array.from({ length: 60 }, (_, n) => `due-${n}`);
    await Promise.all(ids.map((id) => system.actor(Alarm, id).set(minuteMs, "now")));
    crash(system);
    const after = new ManualClock(clock.nowMs() + minuteMs);
    const limits = { recoveriesMax: 4 };
    const again = await start({ journal, clock: after, definitions: [Alarm], limits });
    let most = 0;
    after.advance(0);
    await waitUntil("all have rung", () => {
      const all = again.entities();
      most = Math.max(most, all.filter(({ phase }) => phase === "recovering").length);
      const rung = all.filter(({ state }) => (state as { rings: string[] }).rings.length === 1);
      return rung.length === 60;
    });
    expect(most).toBeLessThanOrEqual(4);
  });

  it("is gone with its entity", async () => {
    const journal = disk();
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    const alarm = system.actor(Alarm, "deleted");
    await alarm.set(minuteMs, "ghost");
    await alarm.close();
    crash(system);
    const after = new ManualClock(clock.nowMs() + 2 * minuteMs);
    const again = await start({ journal, clock: after, definitions: [Alarm] });
    after.advance(minuteMs);
    await settle();
    expect(again.entities()).toEqual([]);
    expect(await again.actor(Alarm, "deleted").rings()).toEqual([]);
  });

  it("waits, visibly, for a definition that the system was not given", async () => {
    const journal = disk();
    const clock = new ManualClock();
    const system = await start({ journal, clock });
    await system.actor(Alarm, "orphan").set(0, "x");
    crash(system);
    const again = await start({ journal, clock });
    clock.advance(minuteMs);
    await settle();
    expect([...again.unclaimed()]).toEqual([["alarm", 1]]);
    await rings(again, "orphan", ["x"]);
    expect(again.unclaimed().size).toBe(0);
  });

  it("is refused above the limit of one entity", async () => {
    const Many = definePersistentActor("many", { initialState: () => 0 })
      .events({})
      .timers<Record<string, undefined>>(
        Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`t${n}`, () => {}])),
      )
      .commands({
        fill: (many, count: number) => {
          for (let n = 0; n < count; n++) many.timers.start(`t${n}`, { afterMs: 1e9 });
        },
      });
    const system = await start();
    const failed = await failureOf(system.actor(Many, "x").fill(1_001));
    const cause = isTroupeError(failed, "TROUPE_COMMAND_FAILED") ? failed.cause : failed;
    expect(isTroupeError(cause, "TROUPE_TIMERS_FULL")).toBe(true);
    await system.actor(Many, "x").fill(1_000);
  });
});

describe("the schedule of wake-ups", () => {
  it("fires in the order of time, each once, whatever was set in between", () => {
    const clock = new ManualClock(0);
    const fired: [string, number][] = [];
    const schedule = new WakeSchedule(clock, (id) => fired.push([id, clock.nowMs()]));
    for (let n = 0; n < 500; n++) schedule.set(`e${n}`, (n * 7_919) % 1_000);
    for (let n = 0; n < 500; n += 2) schedule.set(`e${n}`, undefined);
    for (let n = 1; n < 500; n += 4) schedule.set(`e${n}`, 2_000 + n);
    clock.advance(1_000);
    expect(fired).toHaveLength(125);
    clock.advance(10_000);
    expect(fired).toHaveLength(250);
    expect(fired.map(([, atMs]) => atMs)).toEqual(
      fired.map(([, atMs]) => atMs).sort((a, b) => a - b),
    );
    expect(new Set(fired.map(([id]) => id)).size).toBe(250);
    expect(schedule.size).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it("notices a wall clock that was set forward, within a minute", () => {
    const clock = new ManualClock(0);
    const fired: string[] = [];
    const schedule = new WakeSchedule(clock, (id) => fired.push(id));
    schedule.set("a", 24 * 60 * minuteMs);
    clock.advance(1_000);
    clock.setWallClock(25 * 60 * minuteMs);
    clock.advance(minuteMs);
    expect(fired).toEqual(["a"]);
  });
});
