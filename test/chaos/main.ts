/**
 * `npm run chaos -- <minutes> [--seed <number>] [--record <file>]`: processes and services are killed,
 * frozen and wiped while commands flow, on the embedded log and on Kafka at once; then the logs are
 * read raw and held against what an oracle outside has in its own synced file.
 *
 * The last line on standard output is `{ kills, acked, lost, doubled, violations }`. The run fails on
 * any of the last three, and when it was too tame to prove anything.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { embeddedRun } from "./embedded-run.ts";
import { kafkaRun } from "./kafka-run.ts";
import { harmUntil, outcomeOf, type Run } from "./run.ts";
import { Seeded } from "./seeded.ts";
import { startServices } from "./services.ts";

const killsMin = 7;
const acksPerMinuteMin = 3_000;
/** Of each store; far below what the stores can do, so that logs of long runs stay small. */
const commandsPerSecond = 250;

const { minutes, seed, record } = readArguments();
const say = (text: string): void =>
  console.error(`${new Date().toISOString().slice(11, 19)} ${text}`);
say(`seed ${seed}; again: npm run chaos -- ${minutes} --seed ${seed}`);

const folder = mkdtempSync(join(tmpdir(), "troupe-chaos-"));
const folderOf = (name: string): string => {
  mkdirSync(join(folder, name));
  return join(folder, name);
};
const loadBefore = loadavg()[0];
const services = await startServices();
const shared = { commandsPerSecond, say };
const runs: readonly Run[] = [
  embeddedRun({ ...shared, folder: folderOf("embedded"), random: new Seeded(seed) }),
  kafkaRun({ ...shared, folder: folderOf("kafka"), random: new Seeded(seed + 1) }, services),
];
try {
  const startMs = performance.now();
  const untilMs = startMs + minutes * 60_000;
  const outcomes = await Promise.all(
    runs.map(async (run) => {
      let harmedMs = 0;
      const harmed = harmUntil(run, untilMs).finally(() => {
        harmedMs = performance.now();
      });
      return { run, ...(await outcomeOf(run, harmed)), minutes: (harmedMs - startMs) / 60_000 };
    }),
  );
  process.exitCode = report(outcomes);
} finally {
  await Promise.all(runs.map((run) => run.stop()));
  if (process.exitCode === 0) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  else say(`kept for a look: ${folder}`);
}
process.exit();

type Outcome = Awaited<ReturnType<typeof outcomeOf>> & {
  readonly run: Run;
  readonly minutes: number;
};

function report(outcomes: readonly Outcome[]): number {
  const sum = (of: (outcome: Outcome) => number): number =>
    outcomes.reduce((total, outcome) => total + of(outcome), 0);
  const kills = sum(({ run }) => run.lane.kills);
  const acked = sum((outcome) => outcome.acked);
  const lost = sum((outcome) => outcome.lost);
  const doubled = sum((outcome) => outcome.doubled);
  const violations = outcomes.flatMap((outcome) => outcome.violations);
  const took = Math.max(...outcomes.map((outcome) => outcome.minutes));
  for (const violation of violations.slice(0, 20)) say(`violation: ${violation}`);
  const tooTame = [
    ...(kills < killsMin ? [`${killsMin} kills`] : []),
    ...(acked < acksPerMinuteMin * took ? [`${acksPerMinuteMin} acknowledgements a minute`] : []),
  ];
  for (const bar of tooTame) say(`too tame to prove anything: fewer than ${bar}`);
  const summary = { kills, acked, lost, doubled, violations: violations.length };
  const stores = outcomes.map(({ run, frames, skipped, acked: ofStore, minutes: tookMinutes }) => ({
    store: run.lane.name,
    minutes: Math.round(tookMinutes * 100) / 100,
    acked: ofStore,
    kills: run.lane.kills,
    givenUp: run.lane.givenUp,
    harms: Object.fromEntries(run.lane.harms),
    frames,
    skipped,
  }));
  for (const store of stores) say(JSON.stringify(store));
  if (record !== undefined) {
    const machine = { cores: cpus().length, node: process.version };
    const load = { before: loadBefore, after: loadavg()[0] };
    const document = { suite: "chaos", minutes, seed, machine, load, stores, ...summary };
    writeFileSync(record, `${JSON.stringify(document, null, 2)}\n`);
  }
  console.log(JSON.stringify(summary));
  return violations.length + lost + doubled + tooTame.length > 0 ? 1 : 0;
}

function readArguments(): { minutes: number; seed: number; record: string | undefined } {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: "string" }, record: { type: "string" } },
  });
  const minutesGiven = Number(positionals[0]);
  const seedGiven = Number(values.seed ?? Date.now() % 1_000_000);
  if (minutesGiven > 0 && Number.isSafeInteger(seedGiven) && positionals.length === 1) {
    return { minutes: minutesGiven, seed: seedGiven, record: values.record };
  }
  console.error("usage: npm run chaos -- <minutes> [--seed <whole number>] [--record <file>]");
  process.exit(2);
}
