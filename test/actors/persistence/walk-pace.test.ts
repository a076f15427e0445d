import { expect, test } from "vitest";
import { WalkPace } from "../../../src/actors/persistence/walk-pace.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";

/** Steps until one has to wait. */
function stepsUntilPause(pace: WalkPace, stepsMax: number): number {
  for (let steps = 1; steps <= stepsMax; steps++) if (pace.step() !== undefined) return steps;
  return Number.POSITIVE_INFINITY;
}

test("steps from memory pause when the slice is over, all walks together, and go on after the loop's turn", async () => {
  const clock = new ManualClock();
  const pace = new WalkPace(clock, 2);
  expect(stepsUntilPause(pace, 10_000)).toBe(Number.POSITIVE_INFINITY);
  clock.advance(2);
  expect(stepsUntilPause(pace, 100)).toBeLessThanOrEqual(32);
  const pause = pace.step();
  expect(pace.step()).toBe(pause);
  clock.advance(0);
  await pause;
  expect(stepsUntilPause(pace, 10_000)).toBe(Number.POSITIVE_INFINITY);
});

test("whoever comes back from the store has let the loop turn", () => {
  const clock = new ManualClock();
  const pace = new WalkPace(clock, 2);
  for (let round = 0; round < 10; round++) {
    clock.advance(1.5);
    pace.resumed();
    clock.advance(1.5);
    expect(stepsUntilPause(pace, 100)).toBe(Number.POSITIVE_INFINITY);
  }
});
