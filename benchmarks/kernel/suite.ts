import type { Bench, Figure, Suite } from "../suite.ts";
import { observerFigures } from "./observer-figures.ts";
import { pekkoCommand } from "./pekko/pekko.ts";
import { type Runner, startLines, startNode } from "./runner.ts";
import { treeActors, type WorkName, works } from "./work.ts";

/** Milliseconds of processor time: what one run should take, and what goes before the first. */
const budgets = {
  full: { runMs: 400, warmUpMs: 1_500, rounds: 9, trees: 5 },
  observed: { runMs: 150, warmUpMs: 400, rounds: 5, trees: 0 },
  quick: { runMs: 60, warmUpMs: 250, rounds: 3, trees: 1 },
} as const;
type Budget = (typeof budgets)[keyof typeof budgets];

/** So few operations at first: for the slowest of all they take a quarter of a second. */
const firstCount = 200;
const treeWork: WorkName = "skynet, 100,000 leaves";

async function startAll(bench: Bench): Promise<Runner[]> {
  const keys = ["troupe", "troupe-messages", "nact", "xstate", "effect", "effect-entity"];
  const runners = await Promise.all(keys.map((key) => startNode(key)));
  const pekko = pekkoCommand({ mayFetch: !bench.quick });
  if ("missing" in pekko) bench.note(`Pekko does not take part: ${pekko.missing}`);
  else runners.push(await startLines("pekko", pekko.command, pekko.args));
  return runners;
}

/** Warms up, and finds on the way how many operations fill one run. */
async function calibrate(runner: Runner, work: WorkName, budget: Budget): Promise<number> {
  if (work === treeWork) {
    await runner.run(work, 1);
    return 1;
  }
  let count = firstCount;
  for (let spentMs = 0; ; ) {
    const cpuMs = await runner.run(work, count);
    spentMs += cpuMs;
    const exact = (count * budget.runMs) / Math.max(cpuMs, 0.1);
    count = Math.max(100, Math.round(Math.min(exact, count * 8) / 100) * 100);
    if (spentMs >= budget.warmUpMs) return count;
  }
}

/** Runs one work of all who can do it, in turns, so that what else the machine does hits all alike. */
async function measure(bench: Bench, runners: readonly Runner[], work: WorkName) {
  const budget = bench.quick ? budgets.quick : budgets.full;
  const taking = runners.filter((runner) => runner.works.has(work));
  const counts = new Map<Runner, number>();
  for (const runner of taking) counts.set(runner, await calibrate(runner, work, budget));
  const values = new Map<Runner, number[]>(taking.map((runner) => [runner, []]));
  const rounds = work === treeWork ? budget.trees : budget.rounds;
  for (let round = 0; round < rounds; round++) {
    for (const runner of taking) {
      const count = counts.get(runner) ?? 1;
      const cpuMs = await runner.run(work, count);
      const operations = work === treeWork ? treeActors : count;
      values.get(runner)?.push((operations / cpuMs) * 1_000);
    }
  }
  const figures = new Map<string, Figure>();
  for (const runner of taking) {
    const form = runner.key === "troupe-messages" ? `${work}, plain messages` : work;
    const peer = runner.peer === undefined ? {} : { peer: runner.peer };
    const unit = works[work];
    figures.set(
      runner.key,
      bench.record(form, { unit, ...peer }, { values: values.get(runner) ?? [] }),
    );
  }
  return figures;
}

const targetsAgainstNact: Partial<Record<WorkName, number>> = {
  "tell to 1 actor": 4,
  "tell to 1,000 actors": 8,
  "ask, 1,000 at a time": 3,
  "ask, one after the other": 3,
};

function compare(bench: Bench, work: WorkName, figures: ReadonlyMap<string, Figure>): void {
  const ours = figures.get("troupe");
  if (ours === undefined) return;
  const target = targetsAgainstNact[work];
  const least = target === undefined ? undefined : { atLeast: target };
  const forms = [
    ["", ours],
    [", plain messages", figures.get("troupe-messages")],
  ] as const;
  for (const [form, mine] of forms) {
    const nact = figures.get("nact");
    if (mine === undefined) continue;
    if (nact !== undefined) bench.ratio(`${work}${form}: ours / nact`, [mine, nact], least);
    for (const key of ["effect", "effect-entity", "xstate", "pekko"]) {
      const peer = figures.get(key);
      if (peer !== undefined) bench.ratio(`${work}${form}: ours / ${key}`, [mine, peer]);
    }
  }
}

/** A parent of 10,000 against one without children, in turns: what else differs hits both alike. */
async function compareCrowded(bench: Bench, runners: readonly Runner[]): Promise<void> {
  const ours = runners.find((runner) => runner.key === "troupe");
  if (ours === undefined) return;
  const budget = bench.quick ? budgets.quick : budgets.full;
  const pair: readonly WorkName[] = ["tell to a parent of 10,000", "tell to 1 actor"];
  const values = new Map<WorkName, number[]>(pair.map((work) => [work, []]));
  const count = await calibrate(ours, "tell to 1 actor", budget);
  for (let round = 0; round < budget.rounds * 3; round++) {
    for (const work of pair) {
      values.get(work)?.push((count / (await ours.run(work, count))) * 1_000);
    }
  }
  const [crowded, alone] = pair.map((work) =>
    bench.record(`${work}, in turns`, { unit: works[work] }, { values: values.get(work) ?? [] }),
  );
  if (crowded === undefined || alone === undefined) return;
  bench.ratio("tell: parent of 10,000 / without children", [crowded, alone], { atLeast: 0.9 });
}

export const suite: Suite = {
  name: "kernel",
  measured:
    "actors in memory on one thread: operations per second of processor time, " +
    "the collector included, from the first message of a run until the last is handled; " +
    "senders in the same thread, bursts of 10,000; each contender in a process of its own, all in " +
    "turns within one run; Pekko on a dispatcher of one thread, with the serial collector; what an " +
    "observer costs, and what its hooks cost when there is none",
  notMeasured:
    "several threads or nodes, persistence, latency under an open load, handlers that wait, Pekko's " +
    "ask by hand-made reply actors (its context.ask is measured, as it comes), memory " +
    "(see `npm run -s bench -- kernel-soak`)",
  async run(bench) {
    const runners = await startAll(bench);
    try {
      for (const work of Object.keys(works) as WorkName[]) {
        compare(bench, work, await measure(bench, runners, work));
      }
      await compareCrowded(bench, runners);
    } finally {
      for (const runner of runners) runner.stop();
    }
    const budget = bench.quick ? budgets.quick : budgets.observed;
    await observerFigures(bench, {
      calibrate: (runner, work) => calibrate(runner, work, budget),
      rate: async (runner, work, count) => (count / (await runner.run(work, count))) * 1_000,
    });
  },
};
