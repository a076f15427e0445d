/**
 * The random model check of the journal protocol, over the real code: several nodes take one shard from each
 * other while appends are lost, late, doubled and refused, nodes pause and crash, checkpoints are written and
 * the log is cut. The oracle sees the whole log. A failing seed is printed; `runHistory(seed)` repeats it.
 *
 * What a log without this protocol does wrong, and where it is held:
 *
 *   U1   acknowledged elsewhere than expected is taken for deposed       mutant here
 *   U2   the epoch filter alone: copies of a frame count twice           mutant here
 *   U3   a frame goes out over one whose fate is unknown                 two mutants here
 *   U4   an error is read as "not written"                               two mutants here
 *   U5   a late append lands after the log was read to its end           mutant here
 *   U6   two claims of one term; terms from outside the log              two mutants here
 *   U7   a claim is held to be valid because it was acknowledged         mutant here
 *   U8   the sweep ends before the own claim                             mutant here; `#hidden` in journal-world.ts
 *   U9   the claim that defines the current term is cut away             mutant here
 *   U10  the snapshot that justified a cut is lost, or another's         two mutants here; snapshot-world.ts
 *   U11  reads and effects of an owner that stalled                      mutant here; stalled-owner.test.ts
 *   U12  the log went back: unclean election, RF 1 and a lost host       test/integration/kafka-strange-logs.test.ts;
 *                                                                        snapshots of what is lost: entity-snapshots.test.ts
 *   U13  settings that lose, move or thin out records; transactions      test/integration/kafka-journal.test.ts;
 *                                                                        kafka-strange-logs.test.ts
 *   U14  readers outside see frames that do not count                    persistence/tools/replay-filter.test.ts
 *
 * TROUPE_MODEL_RUNS: how many histories (default 2,000; continuous integration runs 20,000).
 * TROUPE_MODEL_SEED: the first seed (default 1).
 */
import { describe, expect, test } from "vitest";
import { isTroupeError, reasonOf } from "../../src/actors/kernel/index.ts";
import { mutants } from "./journal-mutants.ts";
import { Violation } from "./journal-oracle.ts";
import { type RunStats, runHistory } from "./journal-run.ts";

const runs = Number(process.env["TROUPE_MODEL_RUNS"] ?? 2_000);
const firstSeed = Number(process.env["TROUPE_MODEL_SEED"] ?? 1);
/** Each mutant is found within far fewer; the rarest needs some hundreds. */
const MUTANT_RUNS_MAX = 3_000;
/** Some tens on a machine of its own; only a hang meets this. */
const MS_PER_RUN_MAX = 1_000;

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
      const sum: Record<keyof RunStats, number> = {
        frames: 0,
        claims: 0,
        cuts: 0,
        deposed: 0,
        acked: 0,
        snapshots: 0,
        wiped: 0,
        rolledBack: 0,
      };
      for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
        const stats = await historyOf(seed);
        for (const name of Object.keys(sum) as (keyof RunStats)[]) sum[name] += stats[name];
      }
      console.log(`model check: ${runs} histories from seed ${firstSeed}, ${JSON.stringify(sum)}`);
      // A check in which nothing happens proves nothing.
      expect(sum.cuts).toBeGreaterThan(runs);
      expect(sum.deposed).toBeGreaterThan(runs);
      expect(sum.acked).toBeGreaterThan(runs * 50);
      expect(sum.snapshots).toBeGreaterThan(runs);
      expect(sum.wiped).toBeGreaterThan(runs);
      expect(sum.rolledBack).toBeGreaterThan(runs / 4);
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
        let noticed: unknown;
        let seed = 1;
        for (; seed <= MUTANT_RUNS_MAX; seed++) {
          noticed = await runHistory(seed, mutation).then(
            () => undefined,
            (error: unknown) => error,
          );
          if (noticed !== undefined) break;
        }
        expect(noticed, `not noticed in ${MUTANT_RUNS_MAX} histories`).toBeDefined();
        // A mutant that fails to run has proven nothing.
        const isFinding =
          noticed instanceof Violation || isTroupeError(noticed, "TROUPE_JOURNAL_CORRUPT");
        expect(isFinding, String((noticed as Error).stack)).toBe(true);
        console.log(`${name}: noticed in history ${seed}: ${reasonOf(noticed)}`);
      },
      MUTANT_RUNS_MAX * MS_PER_RUN_MAX,
    );
  }
});
