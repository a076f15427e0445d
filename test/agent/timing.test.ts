import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { redialDelayMs } from "../../src/agent/backoff.ts";
import { systemClock } from "../../src/agent/clock.ts";
import { durationText } from "../../src/agent/duration-text.ts";
import { Heartbeat } from "../../src/agent/heartbeat.ts";
import { agentLimits } from "../../src/agent/limits.ts";
import { Linger } from "../../src/agent/linger.ts";
import { ManualClock } from "./support/manual-clock.ts";

describe("the wait between dials", () => {
  test("is nothing first, then jittered below a ceiling that doubles up to its limit", () => {
    const almostOne = () => 1 - Number.EPSILON;
    const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 50, 2_000].map((count) =>
      redialDelayMs(count, almostOne),
    );
    expect(ceilings).toEqual([0, 249, 499, 999, 1_999, 3_999, 7_999, 9_999, 9_999, 9_999]);
  });

  test("spreads over the whole range", () => {
    fc.assert(
      fc.property(
        fc.nat(100),
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        (count, random) => {
          const delayMs = redialDelayMs(count, () => random);
          expect(delayMs).toBeGreaterThanOrEqual(0);
          expect(delayMs).toBeLessThan(agentLimits.redialMsMax);
        },
      ),
    );
  });
});

describe("heartbeats", () => {
  function beating() {
    const clock = new ManualClock();
    const sent: number[] = [];
    const told: string[] = [];
    const heartbeat = new Heartbeat({
      clock,
      send: (sequence) => sent.push(sequence),
      onDead: (reason) => told.push(reason),
      onLeaseOver: () => told.push("lease over"),
      onLeaseRenewed: () => told.push("lease renewed"),
    });
    const open = (helloAgoMs = 0) =>
      heartbeat.linkOpened({
        intervalMs: 100,
        leaseMs: 1_000,
        helloAtMs: clock.monotonicMs() - helloAgoMs,
      });
    return { clock, heartbeat, sent, told, open };
  }

  test("come at the interval, and a silent link is dead after three", () => {
    const { clock, sent, told, open } = beating();
    open();
    clock.advance(300);
    expect(sent).toEqual([1, 2, 3]);
    expect(told).toEqual([]);
    clock.advance(100);
    expect(told).toEqual(["no answer to 3 heartbeats in 300 ms"]);
    clock.advance(400);
    expect(sent).toHaveLength(3);
  });

  test("any answer keeps the link, also a late one for several", () => {
    const { clock, heartbeat, sent, told, open } = beating();
    open();
    for (let turn = 0; turn < 20; turn++) {
      clock.advance(250);
      heartbeat.heard();
      heartbeat.answered(sent.at(-1) as number);
    }
    expect(told).toEqual([]);
  });

  test("a link that is slow is not dead, but keeps no lease by that", () => {
    const { clock, heartbeat, sent, told, open } = beating();
    open();
    for (let turn = 0; turn < 10; turn++) {
      clock.advance(250);
      heartbeat.heard();
    }
    expect(told).toEqual(["lease over"]);
    // An answer to a beat of long ago says nothing of now.
    heartbeat.answered(1);
    expect(told).toEqual(["lease over"]);
    heartbeat.answered(sent.at(-1) as number);
    expect(told).toEqual(["lease over", "lease renewed"]);
  });

  test("whoever was stopped for a while finds the lease over before it looks at what has come", () => {
    const { clock, heartbeat, told, open } = beating();
    open();
    clock.skip(5_000);
    expect(told).toEqual([]);
    heartbeat.heard();
    expect(told).toEqual(["lease over"]);
    clock.advance(0);
    expect(told).toEqual(["lease over"]);
  });

  test("the lease counts from before the request, and is told once", () => {
    const { clock, heartbeat, told, open } = beating();
    open(400);
    heartbeat.linkLost();
    clock.advance(599);
    expect(told).toEqual([]);
    clock.advance(1);
    expect(told).toEqual(["lease over"]);
    clock.advance(10_000);
    expect(told).toEqual(["lease over"]);
    open();
    expect(told).toEqual(["lease over", "lease renewed"]);
    clock.advance(100);
    heartbeat.answered(1);
    heartbeat.linkLost();
    clock.advance(999);
    expect(told).toHaveLength(2);
    clock.advance(1);
    expect(told).toEqual(["lease over", "lease renewed", "lease over"]);
  });

  test("an answer to a beat that was never sent renews nothing", () => {
    const { clock, heartbeat, told, open } = beating();
    open();
    clock.advance(50);
    heartbeat.answered(99);
    heartbeat.linkLost();
    clock.advance(950);
    expect(told).toEqual(["lease over"]);
  });
});

describe("the linger", () => {
  test("counts only the time in which output is read", async () => {
    const clock = new ManualClock();
    const linger = new Linger(clock, 100);
    let over = false;
    void linger.until(new Promise(() => {})).then(() => {
      over = true;
    });
    clock.advance(60);
    linger.setBlocked(true);
    clock.advance(10_000);
    linger.setBlocked(false);
    clock.advance(39);
    await Promise.resolve();
    expect(over).toBe(false);
    clock.advance(1);
    await new Promise(setImmediate);
    expect(over).toBe(true);
    expect(clock.pendingCount).toBe(0);
  });
});

test("durations for people", () => {
  const texts = [0, 250, 1_000, 1_500, 59_999, 60_000, 125_000, 3_600_000, 10_861_000].map(
    durationText,
  );
  expect(texts).toEqual([
    "0 ms",
    "250 ms",
    "1 s",
    "1.5 s",
    "59.999 s",
    "1 min",
    "2 min 5 s",
    "1 h",
    "3 h 1 min 1 s",
  ]);
});

test("a timer beyond the platform's limit does not fire at once", async () => {
  let fired = false;
  const timer = systemClock.setTimer(2 ** 31 + 5, () => {
    fired = true;
  });
  // The platform makes 1 ms of what is too long, and such timers fire in the order in which they were set.
  await new Promise<void>((resolve) => {
    systemClock.setTimer(1, resolve);
  });
  timer.cancel();
  expect(fired).toBe(false);
});
