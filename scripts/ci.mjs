/** All of CI, stage by stage. `.ci/run` starts it on a fresh clone. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureInstalled, root, run, step } from "./prepare.mjs";
import { runStages } from "./stages.mjs";
import { readTestReports, reportArguments } from "./test-reports.mjs";

ensureInstalled();

const troupe = [process.execPath, "dist/src/cli/main.js"];
const reports = join(root, ".cache", "ci-tests");
rmSync(reports, { recursive: true, force: true });
mkdirSync(reports, { recursive: true });
const unitTests = ["node_modules/vitest/vitest.mjs", "run", "--project", "unit*"];
const stages = [
  // First, because it brings its own quick build, as on a newcomer's clone.
  { name: "demo", budgetS: 30, command: ["npm", "run", "-s", "demo"] },
  { name: "build", budgetS: 60, command: ["npm", "run", "-s", "build"] },
  { name: "check", budgetS: 90, command: ["npm", "run", "-s", "check", "--", "--static"] },
  {
    name: "examples/zlib.yaml by troupe run",
    budgetS: 180,
    command: [...troupe, "run", "examples/zlib.yaml", "--quiet"],
  },
  {
    name: "examples/self.yaml by troupe run",
    budgetS: 300,
    command: [
      ...troupe,
      "run",
      "examples/self.yaml",
      "--param",
      `folder=${root}`,
      "--param",
      "tests=test/actors/kernel",
    ],
  },
  ...[22, 24].map((major) => ({
    name: `unit tests on Node ${major}`,
    budgetS: 150,
    command: [nodeOf(major), ...unitTests, ...reportArguments(reports, `node-${major}`)],
  })),
  {
    name: "tests",
    budgetS: 720,
    env: { TROUPE_MODEL_RUNS: "20000", TROUPE_TEST_REPORTS: reports },
    command: ["npm", "test", "-s"],
  },
  {
    name: "chaos: two minutes of kill -9, embedded and Kafka",
    budgetS: 210,
    command: ["npm", "run", "-s", "chaos", "--", "2"],
  },
];
const held = await runStages(stages, { retell: true });
const { passed, failed, failures } = readTestReports(reports);
for (const failure of failures) console.log(`\nFAILED in ${failure}`);
console.log(`\n${passed} passed, ${failed} failed`);
process.exit(held ? 0 : 1);

/** Another Node from the package that ships its binary; the machine's own stays as it is. */
function nodeOf(major) {
  const prefix = join(root, ".cache", `node-${major}`);
  const name = `node-${process.platform}-${process.arch}`;
  const binary = join(prefix, "node_modules", name, "bin", "node");
  if (!existsSync(binary)) {
    step(`getting Node ${major}`);
    run("npm", [
      "install",
      "--no-save",
      "--no-audit",
      "--no-fund",
      "--prefix",
      prefix,
      `${name}@${major}`,
    ]);
  }
  return binary;
}
