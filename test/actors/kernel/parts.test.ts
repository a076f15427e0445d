/** The small parts: mailbox, ring, random, clock, logger. */
import * as fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import {
  consoleLogger,
  seededRandom,
  silentLogger,
  systemClock,
  systemRandom,
} from "../../../src/actors/kernel/index.ts";
import { Mailbox } from "../../../src/actors/kernel/mailbox.ts";
import { Ring } from "../../../src/actors/kernel/ring.ts";

describe("the mailbox", () => {
  test("does what an array does, in any sequence of operations", () => {
    const operation = fc.oneof(
      { weight: 4, arbitrary: fc.constant("push") },
      { weight: 3, arbitrary: fc.constant("dropFirst") },
      fc.constant("unshift"),
      fc.constant("dropLast"),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 600 }), (operations) => {
        const box = new Mailbox<string>();
        const model: [number, string][] = [];
        for (const [n, name] of operations.entries()) {
          if (name === "push") {
            box.push(n, `how ${n}`);
            model.push([n, `how ${n}`]);
          } else if (name === "unshift") {
            box.unshift(n, `how ${n}`);
            model.unshift([n, `how ${n}`]);
          } else if (model.length > 0) {
            if (name === "dropFirst") {
              expect([box.firstWhat(), box.firstHow()]).toEqual(model.shift());
              box.dropFirst();
            } else {
              expect([box.lastWhat(), box.lastHow()]).toEqual(model.pop());
              box.dropLast();
            }
          }
          expect(box.length).toBe(model.length);
        }
      }),
    );
  });
});

describe("the ring", () => {
  test("is first in, first out over growth; swapToFront changes two places", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -3, max: 20 }), { maxLength: 400 }), (operations) => {
        const ring = new Ring<{ n: number }>();
        const model: { n: number }[] = [];
        for (const [n, operation] of operations.entries()) {
          if (operation > 3) {
            ring.push({ n });
            model.push({ n });
          } else if (operation > 0 && model.length > 0) {
            const index = n % model.length;
            ring.swapToFront(index);
            const [first, other] = [model[0], model[index]];
            if (first !== undefined && other !== undefined)
              [model[0], model[index]] = [other, first];
          } else expect(ring.shift()).toEqual(model.shift());
          expect(ring.length).toBe(model.length);
        }
      }),
    );
  });
});

describe("randomness", () => {
  test("a seed gives one sequence, evenly spread", () => {
    const [one, two, other] = [seededRandom(7), seededRandom(7), seededRandom(8)];
    const draw = (random: typeof one) => Array.from({ length: 1_000 }, () => random.next());
    const first = draw(one);
    expect(draw(two)).toEqual(first);
    expect(draw(other)).not.toEqual(first);
    expect(first.every((n) => n >= 0 && n < 1)).toBe(true);
    expect(first.reduce((sum, n) => sum + n, 0) / 1_000).toBeCloseTo(0.5, 1);
  });

  test.each([
    ["seeded", seededRandom(1)],
    ["the system's", systemRandom],
  ])("%s uuids are of version 4", (_name, random) => {
    const uuids = Array.from({ length: 100 }, () => random.uuid());
    for (const uuid of uuids) {
      expect(uuid).toMatch(/^[\da-f]{8}-[\da-f]{4}-4[\da-f]{3}-[89ab][\da-f]{3}-[\da-f]{12}$/);
    }
    expect(new Set(uuids).size).toBe(100);
    expect(random.bytes(33)).toHaveLength(33);
    expect(random.next()).toBeLessThan(1);
  });
});

describe("the system's clock", () => {
  test("keeps delays that Node's timers cannot", () => {
    vi.useFakeTimers();
    try {
      const day = 86_400_000;
      const fired: string[] = [];
      systemClock.setTimer(60 * day, () => fired.push("60 days"));
      const cancelled = systemClock.setTimer(30 * day, () => fired.push("cancelled"));
      systemClock.setTimer(-5, () => fired.push("past"), { background: true });
      vi.advanceTimersByTime(29 * day);
      cancelled.cancel();
      vi.advanceTimersByTime(30 * day);
      expect(fired).toEqual(["past"]);
      vi.advanceTimersByTime(1 * day);
      expect(fired).toEqual(["past", "60 days"]);
    } finally {
      vi.useRealTimers();
    }
  });

  test("goes forward", () => {
    const before = systemClock.monotonicMs();
    expect(systemClock.monotonicMs()).toBeGreaterThanOrEqual(before);
    expect(Math.abs(systemClock.nowMs() - Date.now())).toBeLessThan(1_000);
  });
});

describe("loggers", () => {
  test("the console's shows level, message and fields, from its level on", () => {
    const lines: string[] = [];
    const spy = vi.spyOn(console, "error").mockImplementation((line: string) => {
      lines.push(line);
    });
    const logger = consoleLogger("info", { node: "n1" }).child({ actor: "/a" });
    logger.debug("hidden");
    logger.info("shown", { n: 1, none: undefined });
    logger.warn("warned", { error: "text" });
    logger.error("failed", { error: new Error("bang") });
    spy.mockRestore();
    expect(lines[0]).toBe("info  shown node=n1 actor=/a n=1");
    expect(lines[1]).toBe("warn  warned node=n1 actor=/a error=text");
    expect(lines[2]).toContain("Error: bang");
    expect(lines).toHaveLength(3);
    expect(silentLogger.child({ a: 1 })).toBe(silentLogger);
  });
});
