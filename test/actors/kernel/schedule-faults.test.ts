/**
 * The test of the schedule test: with a fault planted in the kernel, its rules must find it.
 */
import { afterEach, describe, expect, test, vi } from "vitest";
import { Cell } from "../../../src/actors/kernel/cell.ts";
import { Failures } from "../../../src/actors/kernel/failures.ts";
import { Inbox } from "../../../src/actors/kernel/inbox.ts";
import { Incarnation } from "../../../src/actors/kernel/incarnation.ts";
import { playSchedule } from "./schedule-model.ts";

const thenable = vi.hoisted(() => ({ isBlind: false }));

vi.mock("../../../src/actors/kernel/thenable.ts", () => ({
  isThenable: (value: unknown) => {
    if (!(value instanceof Promise)) return false;
    // Nobody else looks at a promise that the kernel does not see.
    if (thenable.isBlind) value.catch(() => {});
    return !thenable.isBlind;
  },
}));

/** The first thing found wrong in the runs of the first seeds. */
async function firstFinding(seeds = 300): Promise<string | undefined> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      const run = await playSchedule(seed);
      if (run.violations.length > 0) return run.violations[0];
    } catch (error) {
      return String(error);
    }
  }
  return undefined;
}

/** A method as it stands before the fault is planted; called with `apply`. */
function original<T, K extends keyof T>(of: { readonly prototype: T }, name: K): T[K] {
  return of.prototype[name];
}

/** Every so many calls of a method, something else is done in its place. */
function everyNth<A extends unknown[]>(
  n: number,
  original: (...input: A) => unknown,
  fault: (...input: A) => unknown,
) {
  let calls = 0;
  return function (this: unknown, ...input: A) {
    return (++calls % n === 0 ? fault : original).apply(this, input);
  };
}

describe("a planted fault is found", () => {
  afterEach(() => {
    thenable.isBlind = false;
    vi.restoreAllMocks();
  });

  test("none is found where none is planted", async () => {
    expect(await firstFinding(50)).toBeUndefined();
  });

  test("a drain that changes the order", async () => {
    const push = original(Inbox, "push");
    const unshift = original(Inbox, "unshift");
    vi.spyOn(Inbox.prototype, "push").mockImplementation(everyNth(5, push, unshift));
    expect(await firstFinding()).toMatch(/was handled after/);
  });

  test("a lost order", async () => {
    const order = original(Cell, "order");
    vi.spyOn(Cell.prototype, "order").mockImplementation(everyNth(9, order, () => {}));
    expect(await firstFinding()).toMatch(/Nothing is left to happen|after its deadline|took|left/);
  });

  test("two handlers of one actor at once", async () => {
    thenable.isBlind = true;
    expect(await firstFinding()).toMatch(/while it handled/);
  });

  test("a message that is handled and stays", async () => {
    const take = original(Inbox, "take");
    vi.spyOn(Inbox.prototype, "take").mockImplementation(everyNth(20, take, () => {}));
    expect(await firstFinding()).toMatch(/was handled 2 times|and became a dead letter/);
  });

  test("a message that is dropped without a word", async () => {
    const refuse = original(Inbox, "refuse");
    vi.spyOn(Inbox.prototype, "refuse").mockImplementation(everyNth(7, refuse, () => {}));
    expect(await firstFinding()).toMatch(/is lost|never settled/);
  });

  test("a restart limit that is not kept", async () => {
    const decide = original(Failures, "decide");
    vi.spyOn(Failures.prototype, "decide").mockImplementation(function (
      this: Failures,
      ...input: Parameters<Failures["decide"]>
    ) {
      const decision = decide.apply(this, input);
      if (decision.action !== "stop") return decision;
      const history = { restartsAtMs: [], streak: 0 };
      return { action: "restart", delayMs: 0, history };
    });
    expect(await firstFinding(1_000)).toMatch(/restarted 3 times/);
  });

  test("a revoked life that goes on", async () => {
    vi.spyOn(Incarnation.prototype, "use").mockImplementation(() => {});
    expect(await firstFinding()).toMatch(/while it handled|was handled 2 times|dead letter/);
  });
});
