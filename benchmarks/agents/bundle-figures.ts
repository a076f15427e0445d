/** The agent as it ships: how large its one file is, and how long a process takes to know its own version. */
import { execFileSync } from "node:child_process";
import { statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Bench } from "../suite.ts";

/** Built beside the benchmarks' own code. */
const bundle = fileURLToPath(new URL("../../troupe-agent.js", import.meta.url));

export async function bundleFigures(bench: Bench): Promise<void> {
  bench.record(
    "troupe-agent.js, one file with all it needs",
    { unit: "KiB" },
    { values: [statSync(bundle).size / 1024] },
  );
  const started = (args: readonly string[]): number => {
    const startMs = performance.now();
    execFileSync(process.execPath, args, { stdio: "ignore" });
    return performance.now() - startMs;
  };
  await bench.measure("troupe-agent --version, a whole process", { unit: "ms", runs: 5 }, () =>
    Promise.resolve(started([bundle, "--version"])),
  );
  await bench.measure("node --eval '', a whole process", { unit: "ms", runs: 5 }, () =>
    Promise.resolve(started(["--eval", ""])),
  );
}
