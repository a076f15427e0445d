/**
 * `npm test [-- vitest arguments]`: installs, builds, brings up the services, runs every test.
 *
 * Without arguments in two lanes, side by side: tests that compute, and tests that mostly wait for
 * real processes and services. Each has its own summary, so the sum comes last. TROUPE_TEST_REPORTS names a
 * folder that is to keep what they have to tell.
 */
import { spawn } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { ensureBuilt, root } from "./prepare.mjs";
import { readTestReports, reportArguments } from "./test-reports.mjs";

ensureBuilt();
// After the installation: the services' scripts use packages.
const { bringUp } = await import("./services/index.mjs");
const services = await bringUp();
const absent = services.absent.map(({ name }) => name.toLowerCase());
const reports = process.env.TROUPE_TEST_REPORTS ?? emptyFolder(join(root, ".cache", "tests"));
const lanes = {
  computing: ["unit*", "contract", "simulation", "docs"],
  waiting: ["integration", ...["kafka", "redis", "s3"].filter((name) => !absent.includes(name))],
};
let status = 1;
try {
  const env = { ...services.env, TROUPE_ABSENT_SERVICES: absent.join(",") };
  const args = process.argv.slice(2);
  const statuses = await Promise.all(
    args.length > 0
      ? [runVitest(args, env)]
      : Object.entries(lanes).map(([lane, projects]) =>
          runVitest(
            [...projects.flatMap((name) => ["--project", name]), ...reportArguments(reports, lane)],
            env,
          ),
        ),
  );
  status = Math.max(...statuses);
} finally {
  await services.stop();
}
if (services.absent.length > 0) {
  console.error("\nDid not run, because a service is missing here:");
  for (const { name, needs, missing } of services.absent) {
    console.error(`  ${needs} (needs ${name}). ${missing}`);
  }
  // On a developer's machine the rest is worth knowing; in CI nothing may be left out.
  if (process.env.CI) status ||= 1;
}
if (process.argv.length === 2) tellSum();
process.exit(status);

function emptyFolder(folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Of both lanes; a report that CI has left beside theirs is not of this run. */
function tellSum() {
  const { passed, failed, failures } = readTestReports(reports, Object.keys(lanes));
  for (const failure of failures) console.log(`\nFAILED in ${failure}`);
  console.log(`\n${passed} passed, ${failed} failed`);
}

function runVitest(args, env) {
  const child = spawn(
    process.execPath,
    [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...args],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } },
  );
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
