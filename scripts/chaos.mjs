/** `npm run chaos -- <minutes> [--seed <number>] [--record <file>]`: builds, then runs the built code. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { ensureBuilt, root } from "./prepare.mjs";

ensureBuilt();
const main = join(root, "dist", "test", "chaos", "main.js");
const child = spawn(process.execPath, [main, ...process.argv.slice(2)], {
  cwd: root,
  stdio: "inherit",
});
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => child.kill(signal));
child.once("exit", (code) => process.exit(code ?? 1));
