/** `npm test [-- vitest arguments]`: installs, builds, brings up the services, runs every test. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureBuilt, root } from "./prepare.mjs";

ensureBuilt();
// After the installation: the services' scripts use packages.
const { bringUp } = await import("./services/index.mjs");
const services = await bringUp();
let status = 1;
try {
  status = await runVitest({
    ...services.env,
    TROUPE_ABSENT_SERVICES: services.absent.map(({ name }) => name.toLowerCase()).join(","),
  });
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
process.exit(status);

function runVitest(env) {
  const child = spawn(
    process.execPath,
    [join(root, "node_modules", "vitest", "vitest.mjs"), "run", ...process.argv.slice(2)],
    { cwd: root, stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, ...env } },
  );
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code ?? 1));
  });
}
