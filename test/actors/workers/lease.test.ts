import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../src/actors/kernel/index.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import { Lease } from "../../../src/actors/workers/lease.ts";
import { Repeater } from "../../../src/actors/workers/repeater.ts";

describe("a lease", () => {
  const start = () => {
    const clock = new ManualClock();
    const over: number[] = [];
    const lease = new Lease({
      clock,
      durationMs: 30_000,
      over: () => over.push(clock.monotonicMs()),
    });
    return { clock, over, lease };
  };

  test("is over a whole duration after the last sign of life, and only once", () => {
    const { clock, over, lease } = start();
    clock.advance(20_000);
    lease.renew();
    clock.advance(29_999);
    expect(over).toEqual([]);
    clock.advance(1);
    expect(over).toEqual([50_000]);
    clock.advance(100_000);
    expect(over).toEqual([50_000]);
  });

  test("takes no notice of the wall clock", () => {
    const { clock, over } = start();
    clock.setWallClock(clock.nowMs() + 86_400_000);
    clock.advance(29_999);
    expect(over).toEqual([]);
  });

  test("that is stopped is never over, and a renewal costs no timer", () => {
    const { clock, over, lease } = start();
    for (let n = 0; n < 1_000; n++) lease.renew();
    expect(clock.timers).toBe(1);
    lease.stop();
    clock.advance(100_000);
    expect(over).toEqual([]);
  });
});

describe("a repeater", () => {
  const ticks = async () => {
    for (let n = 0; n < 5; n++) await Promise.resolve();
  };
  const start = () => {
    const clock = new ManualClock();
    return { clock, repeater: new Repeater({ clock, logger: silentLogger }) };
  };

  test("repeats until there is an answer, with pauses that double up to a limit", async () => {
    const { clock, repeater } = start();
    const calls: number[] = [];
    const answer = repeater.run("asking", async () => {
      calls.push(clock.monotonicMs());
      if (calls.length < 10) throw new Error("away");
      return "here";
    });
    for (let n = 0; n < 10; n++) {
      await ticks();
      clock.advanceToNext();
    }
    expect(await answer).toBe("here");
    const pauses = calls.slice(1).map((at, n) => at - (calls[n] ?? 0));
    expect(pauses).toEqual([100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
  });

  test("ends without an answer when nobody wants it any more, or when it is stopped", async () => {
    const { clock, repeater } = start();
    let wanted = true;
    const fails = async (): Promise<never> => {
      throw new Error("away");
    };
    const unwanted = repeater.run("asking", fails, () => wanted);
    const stopped = repeater.run("asking", fails);
    await ticks();
    wanted = false;
    clock.advance(100);
    expect(await unwanted).toBeUndefined();
    repeater.stop();
    expect(await stopped).toBeUndefined();
    expect(clock.timers).toBe(0);
    expect(await repeater.run("asking", async () => 1)).toBeUndefined();
  });
});
