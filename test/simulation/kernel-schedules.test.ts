import { expect, test } from "vitest";
import { playSchedule } from "../actors/kernel/schedule-model.ts";

/** `TROUPE_SEED` plays one run; `TROUPE_SCHEDULES` says how many are played, `TROUPE_FIRST_SEED` from where. */
const only = Number(process.env["TROUPE_SEED"] ?? 0);
const runs = Number(process.env["TROUPE_SCHEDULES"] ?? 10_000);
const first = only > 0 ? only : Number(process.env["TROUPE_FIRST_SEED"] ?? 1);

test("10,000 random schedules of the kernel keep the rules", async () => {
  const last = only > 0 ? only : first + runs - 1;
  for (let seed = first; seed <= last; seed++) {
    const run = await playSchedule(seed);
    expect(run.violations, `TROUPE_SEED=${seed} plays this run again`).toEqual([]);
  }
});
