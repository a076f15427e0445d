/** `npm run -s bench -- <suite> [--quick] [--json]`: builds, then measures the built code. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensureBuilt, root } from "./prepare.mjs";

ensureBuilt();
const result = spawnSync(
  process.execPath,
  ["--expose-gc", join(root, "dist", "benchmarks", "main.js"), ...process.argv.slice(2)],
  { cwd: root, stdio: "inherit" },
);
process.exit(result.status ?? 1);
