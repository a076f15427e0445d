/** Runs named stages one after the other, prints what each took against its budget, and sums up. */
import { spawnSync } from "node:child_process";
import { root } from "./prepare.mjs";

/**
 * @param {readonly { name: string, budgetS: number, command: readonly string[], env?: Record<string, string> }[]} stages
 * @param {{ keepGoing?: boolean }} options keepGoing: run the later stages after a failure too
 * @returns {boolean} whether all stages passed
 */
export function runStages(stages, { keepGoing = true } = {}) {
  const results = [];
  for (const { name, budgetS, command, env } of stages) {
    console.log(`\n── ${name}`);
    const startedMs = Date.now();
    const [program, ...args] = command;
    const result = spawnSync(program, args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, ...env },
    });
    const tookS = (Date.now() - startedMs) / 1000;
    const ok = result.status === 0;
    results.push({ name, budgetS, tookS, ok });
    if (!ok && !keepGoing) break;
  }
  console.log("");
  for (const { name, budgetS, tookS, ok } of results) {
    const over = tookS > budgetS ? `  OVER ITS BUDGET of ${budgetS} s` : ` of ${budgetS} s`;
    console.log(`${ok ? "  ok  " : "FAILED"} ${name}: ${tookS.toFixed(1)} s${over}`);
  }
  return results.length === stages.length && results.every(({ ok }) => ok);
}
