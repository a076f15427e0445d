/**
 * `npm run ci:long`: what takes longer than a change may wait for: many more random histories and
 * schedules, from seeds nobody has seen, and every benchmark at its full size. The benchmarks'
 * documents are written to benchmarks/results, dated.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, root } from "./prepare.mjs";
import { runStages } from "./stages.mjs";

ensureBuilt();
const date = new Date().toISOString().slice(0, 10);
const results = join(root, "benchmarks", "results");
mkdirSync(results, { recursive: true });
const day = Math.floor(Date.now() / 86_400_000);
const vitest = ["node_modules/.bin/vitest", "run", "--testTimeout", "7200000"];
const held = await runStages([
  {
    name: "random histories and schedules",
    budgetS: 3_600,
    command: [...vitest, "--project", "simulation"],
    env: {
      TROUPE_MODEL_RUNS: "100000",
      TROUPE_MODEL_SEED: String(day * 1_000_000),
      TROUPE_SCHEDULES: "100000",
      TROUPE_FIRST_SEED: String(day * 1_000_000),
    },
  },
  {
    name: "a million lines over a network that is cut fifty times",
    budgetS: 600,
    command: [...vitest, "--project", "integration", "test/integration/bad-network"],
    env: { TROUPE_NETWORK_LINES: "1000000", TROUPE_NETWORK_CUTS: "50" },
  },
  {
    name: "messages that no peer would send",
    budgetS: 1_800,
    command: [
      ...vitest,
      ...["--project", "unit", "test/server/agent-fuzz", "test/agent/session-fuzz"],
      ...["test/server/request-bytes", "test/agent/archives"],
    ],
    env: { TROUPE_FUZZ_MESSAGES: "2000000", TROUPE_FUZZ_RUNS: "100000" },
  },
  {
    name: "power cuts",
    budgetS: 1_200,
    command: [...vitest, "--project", "unit", "test/actors/persistence/journals/power-cut"],
    env: { JOURNAL_RUNS: "5000" },
  },
  ...[
    { name: "embedded", args: ["--project", "contract", "test/contracts/event-log"] },
    { name: "Kafka", args: ["--project", "kafka", "test/integration/kafka-journal"] },
    { name: "Kafka, three copies", args: ["--project", "long"] },
  ].map(({ name, args }) => ({
    name: `JournalPerfSpec at full size, held to its times: ${name}`,
    budgetS: 900,
    command: [...vitest, ...args],
    env: { TROUPE_PERF_ROUNDS: "10", TROUPE_LONG: "1" },
  })),
  {
    name: "chaos: thirty minutes of kill -9, embedded and Kafka",
    budgetS: 2_100,
    command: [
      "npm",
      "run",
      "-s",
      "chaos",
      "--",
      "30",
      "--record",
      join(results, `${date}-chaos.json`),
    ],
  },
]);

const suites = readdirSync(join(root, "dist", "benchmarks"), { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && entry.name !== "results")
  .map(({ name }) => name);
let measured = true;
for (const suite of suites) {
  console.log(`\n── benchmark ${suite}`);
  const { status, stdout } = spawnSync(
    process.execPath,
    ["--expose-gc", join(root, "dist", "benchmarks", "main.js"), suite, "--json"],
    {
      cwd: root,
      stdio: ["ignore", "pipe", "inherit"],
      maxBuffer: 64 * 1024 * 1024,
      encoding: "utf8",
    },
  );
  if (status === 0) {
    writeFileSync(join(results, `${date}-${suite}.json`), stdout);
  } else {
    measured = false;
  }
}
process.exit(held && measured ? 0 : 1);
