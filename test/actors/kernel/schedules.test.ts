import { describe, expect, test } from "vitest";
import { playSchedule } from "./schedule-model.ts";

describe("random schedules under virtual time", () => {
  test("every run keeps the rules", async () => {
    let messages = 0;
    let restarts = 0;
    for (let seed = 1; seed <= 300; seed++) {
      const run = await playSchedule(seed);
      expect(run.violations, `seed ${seed}`).toEqual([]);
      messages += run.messages;
      restarts += run.restarts;
    }
    // The runs are not empty.
    expect(messages).toBeGreaterThan(3_000);
    expect(restarts).toBeGreaterThan(100);
  });
});
