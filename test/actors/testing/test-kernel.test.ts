import { describe, expect, test } from "vitest";
import { defineActor, defineBehaviour } from "../../../src/actors/kernel/index.ts";
import { createProbe, createTestKernel, ManualClock } from "../../../src/actors/testing/index.ts";

describe("the manual clock", () => {
  test("fires timers in the order of their times, each at its own", () => {
    const clock = new ManualClock(1_000);
    const fired: string[] = [];
    const note = (name: string) => () => void fired.push(`${name}@${clock.monotonicMs()}`);
    clock.setTimer(20, note("b"));
    clock.setTimer(10, () => {
      note("a")();
      clock.setTimer(5, note("nested"));
    });
    clock.setTimer(20, note("c"));
    const cancelled = clock.setTimer(15, note("never"));
    cancelled.cancel();
    clock.advance(19);
    expect(fired).toEqual(["a@10", "nested@15"]);
    expect([clock.timers, clock.nextInMs]).toEqual([2, 1]);
    expect(clock.advanceToNext()).toBe(true);
    expect(clock.advanceToNext()).toBe(true);
    expect(clock.advanceToNext()).toBe(false);
    expect(fired.slice(2)).toEqual(["b@20", "c@20"]);
    expect(clock.nowMs()).toBe(1_020);
    clock.setWallClock(5);
    expect([clock.nowMs(), clock.monotonicMs()]).toEqual([5, 20]);
  });
});

/** Which of two senders comes first is up to the schedule. */
async function race(seed: number): Promise<string> {
  const kit = createTestKernel({ seed });
  const probe = createProbe<string>(kit.kernel);
  const Sender = defineBehaviour<string>("sender", () => (name) => probe.ref.tell(name));
  for (const name of ["a", "b", "c", "d"]) kit.kernel.spawn(Sender, name).tell(name);
  await kit.settle();
  await kit.stop();
  return probe.received.join("");
}

describe("the test kernel", () => {
  test("plays the same run from the same seed, and others from others", async () => {
    const runs = await Promise.all([race(7), race(7)]);
    expect(runs[0]).toBe(runs[1]);
    const orders = new Set<string>();
    for (let seed = 0; seed < 200; seed++) orders.add(await race(seed));
    // All 24 orders of four senders, or nearly all.
    expect(orders.size).toBeGreaterThan(20);
  });

  test("a promise that nothing can settle is an error with the seed, not a hanging test", async () => {
    const kit = createTestKernel({ seed: 42 });
    await expect(kit.run(new Promise(() => {}))).rejects.toThrow(/seed 42/);
    await kit.stop();
  });

  test("time moves only when it is moved", async () => {
    const kit = createTestKernel();
    const Sleeper = defineActor("sleeper", { initialState: () => ({}) }).commands({
      sleep: async (me, ms: number) => {
        await new Promise<void>((resolve) => me.clock.setTimer(ms, resolve));
        return me.clock.monotonicMs();
      },
    });
    const sleeper = kit.kernel.spawn(Sleeper, "s");
    const year = 365 * 86_400_000;
    expect(await kit.run(sleeper.with({ timeoutMs: 2 * year }).sleep(year))).toBe(year);
    await kit.stop();
  });
});

describe("a probe", () => {
  test("waits for messages, for one that fits, for none, and for an end", async () => {
    const kit = createTestKernel();
    const probe = createProbe<number>(kit.kernel);
    const later = probe.next();
    probe.ref.tell(1);
    expect(await kit.run(later)).toBe(1);
    for (const n of [2, 3, 4]) probe.ref.tell(n);
    expect(await kit.run(probe.nextThat((n) => n > 2))).toBe(3);
    expect(await kit.run(probe.next())).toBe(4);
    await kit.run(probe.none({ withinMs: 50 }));
    const noise = probe.none({ withinMs: 50 });
    probe.ref.tell(5);
    await expect(kit.run(noise)).rejects.toThrow(/Expected no message, but got 5/);
    expect(probe.received).toEqual([1, 2, 3, 4, 5]);
    const gone = probe.nextThat((n) => n > 9, { withinMs: 50 });
    await expect(kit.run(gone)).rejects.toThrow(
      /none that fits came.*Last received: 1, 2, 3, 4, 5/,
    );
    const Plain = defineActor("plain", { initialState: () => ({}) }).commands({});
    const plain = kit.kernel.spawn(Plain, "p");
    await expect(kit.run(probe.terminated(plain, { withinMs: 10 }))).rejects.toThrow(
      /to end within/,
    );
    const ended = probe.terminated(plain);
    void plain.ref.stop();
    expect((await kit.run(ended)).ref.path).toBe("/p");
    await kit.stop();
  });
});
