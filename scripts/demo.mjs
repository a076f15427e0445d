/** `npm run demo`: from a fresh clone to a pipeline that ran, on the embedded store, with one agent. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { root } from "./prepare.mjs";
import { ensureRunnable } from "./transpile.mjs";

await ensureRunnable();
const result = spawnSync(
  process.execPath,
  [
    join(root, "dist", "src", "cli", "main.js"),
    "run",
    join("examples", "demo.yaml"),
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: "inherit" },
);
if (result.status === 0) {
  console.error(`
Where to look next:
  examples/demo.yaml     the pipeline you just saw; change it and run it again:
                         node dist/src/cli/main.js run examples/demo.yaml
  docs/pipelines.md      every key of the YAML, and the same in typed TypeScript
  docs/actors.md         the durable actors that pipelines, workers and your own code are made of
  npm test               brings up what the tests need and runs them all`);
}
process.exit(result.status ?? 1);
