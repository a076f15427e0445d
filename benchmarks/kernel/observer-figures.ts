/**
 * What being observed costs: the same work without an observer, with one that does nothing, with the one for
 * prom-client, and with the hooks taken out of the kernel. Processes of one and the same code differ too, by
 * where their code and heap come to lie: so each variant is started several times, and one of them twice.
 */
import type { Bench } from "../suite.ts";
import { buildHookless } from "./hookless-kernel.ts";
import { type Runner, startNode } from "./runner.ts";
import type { WorkName } from "./work.ts";

const budgets = {
  full: {
    starts: 3,
    rounds: 5,
    works: ["tell to 1 actor", "tell to 1,000 actors", "ask, 1,000 at a time", "spawn and stop"],
  },
  quick: { starts: 1, rounds: 3, works: ["tell to 1 actor"] },
} as const satisfies Record<string, Budget>;

interface Budget {
  readonly starts: number;
  readonly rounds: number;
  readonly works: readonly WorkName[];
}

const variants = {
  absent: "no observer",
  again: "no observer, the same once more",
  hookless: "hooks taken out",
  deaf: "an observer that does nothing",
  prometheus: "the observer for prom-client",
} as const;
type Variant = keyof typeof variants;

const keyOf: Record<Variant, string> = {
  absent: "troupe",
  again: "troupe",
  hookless: "troupe",
  deaf: "troupe-deaf",
  prometheus: "troupe-prometheus",
};

/** Rates of all variants at one work; operations per second of processor time. */
type Rates = ReadonlyMap<Variant, number[]>;

export interface Pace {
  calibrate(runner: Runner, work: WorkName): Promise<number>;
  rate(runner: Runner, work: WorkName, count: number): Promise<number>;
}

export async function observerFigures(bench: Bench, pace: Pace): Promise<void> {
  const { starts, rounds, works }: Budget = bench.quick ? budgets.quick : budgets.full;
  const names = Object.keys(variants) as Variant[];
  const rates = new Map<WorkName, Rates>(
    works.map((work) => [work, new Map(names.map((name) => [name, []]))]),
  );
  const hookless = buildHookless();
  try {
    for (let start = 0; start < starts; start++) {
      const runners = await Promise.all(
        names.map((name) =>
          startNode(keyOf[name], name === "hookless" ? hookless.process : undefined),
        ),
      );
      for (const [work, of] of rates) await compareOnce(runners, { work, rounds }, { pace, of });
      for (const runner of runners) runner.stop();
    }
  } finally {
    hookless.remove();
  }
  for (const [work, of] of rates) report(bench, work, of);
}

async function compareOnce(
  runners: readonly Runner[],
  { work, rounds }: { readonly work: WorkName; readonly rounds: number },
  { pace, of }: { readonly pace: Pace; readonly of: Rates },
): Promise<void> {
  const lists = [...of.values()];
  const counts: number[] = [];
  for (const runner of runners) counts.push(await pace.calibrate(runner, work));
  for (let round = 0; round < rounds; round++) {
    // Each round begins with another one: whoever comes first may find the machine in another state.
    for (let turn = 0; turn < runners.length; turn++) {
      const index = (turn + round) % runners.length;
      const runner = runners[index];
      if (runner === undefined) continue;
      lists[index]?.push(await pace.rate(runner, work, counts[index] ?? 1));
    }
  }
}

function report(bench: Bench, work: WorkName, of: Rates): void {
  const record = (name: Variant, values: readonly number[]) =>
    bench.record(`${work}: ${variants[name]}`, { unit: "operations/core-s" }, { values });
  const valuesOf = (name: Variant) => of.get(name) ?? [];
  const [once, again] = [record("absent", valuesOf("absent")), record("again", valuesOf("again"))];
  // What differs here is the measurement's own error.
  const { value } = bench.ratio(`${work}: ${variants.again} / ${variants.absent}`, [again, once]);
  const error = Math.min(value, 1 / value);
  const absent = bench.record(
    `${work}: ${variants.absent}, both`,
    { unit: "operations/core-s" },
    { values: [...valuesOf("absent"), ...valuesOf("again")] },
  );
  const hookless = record("hookless", valuesOf("hookless"));
  const pair = `${work}: ${variants.absent} / ${variants.hookless}`;
  // Three short runs, as a quick one has, can say nothing about a percent.
  const target = bench.quick ? undefined : { atLeast: Math.round(97 * error) / 100 };
  bench.ratio(pair, [absent, hookless], target);
  for (const name of ["deaf", "prometheus"] as const) {
    const figure = record(name, valuesOf(name));
    bench.ratio(`${work}: ${variants[name]} / ${variants.absent}`, [figure, absent]);
  }
}
