/**
 * The random model check of the journal protocol, over the real code: several nodes take one shard from each
 * other while appends are lost, late, doubled and refused, nodes pause and crash, checkpoints are written and
 * the log is cut. The oracle sees the whole log. A failing seed is printed; `runHistory(seed)` repeats it.
 *
 * TROUPE_MODEL_RUNS: how many histories (default 2,000; continuous integration runs 20,000).
 * TROUPE_MODEL_SEED: the first seed (default 1).
 */
import { describe, expect, test } from "vitest";
import { mutants } from "./journal-mutants.ts";
import { type RunStats, runHistory } from "./journal-run.ts";

const runs = Number(process.env["TROUPE_MODEL_RUNS"] ?? 2_000);
const firstSeed = Number(process.env["TROUPE_MODEL_SEED"] ?? 1);
/** Each mutant is found within far fewer; the rarest needs some hundreds. */
const MUTANT_RUNS_MAX = 3_000;
const MS_PER_RUN_MAX = 100;

async function historyOf(seed: number): Promise<RunStats> {
  try {
    return await runHistory(seed);
  } catch (error) {
    throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
}

describe("the journal protocol", () => {
  test(
    `keeps every promise in ${runs} random histories`,
    async () => {
      const sum = { frames: 0, claims: 0, cuts: 0, deposed: 0, acked: 0 };
      for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
        const stats = await historyOf(seed);
        for (const name of Object.keys(sum) as (keyof typeof sum)[]) sum[name] += stats[name];
      }
      console.log(`model check: ${runs} histories from seed ${firstSeed}, ${JSON.stringify(sum)}`);
      // A check in which nothing happens proves nothing.
      expect(sum.cuts).toBeGreaterThan(runs);
      expect(sum.deposed).toBeGreaterThan(runs);
      expect(sum.acked).toBeGreaterThan(runs * 50);
    },
    runs * MS_PER_RUN_MAX,
  );

  test("one seed is one history", async () => {
    expect(await historyOf(7)).toEqual(await historyOf(7));
  });
});

describe("the check notices", () => {
  for (const [name, mutation] of Object.entries(mutants)) {
    test(
      name,
      async () => {
        let caught: unknown;
        let seed = 1;
        for (; caught === undefined && seed <= MUTANT_RUNS_MAX; seed++) {
          caught = await runHistory(seed, mutation).then(
            () => undefined,
            (error: unknown) => error,
          );
        }
        expect(caught, `${name}: not noticed in ${MUTANT_RUNS_MAX} histories`).toBeDefined();
      },
      MUTANT_RUNS_MAX * MS_PER_RUN_MAX,
    );
  }
});
