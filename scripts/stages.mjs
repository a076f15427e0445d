/** Runs named stages one after the other, prints what each took against its budget, and sums up. */
import { spawn } from "node:child_process";
import { root } from "./prepare.mjs";

/** What is said again of a failed stage: vitest tells its failures at the end, and a few of them fit. */
const retoldLines = 60;

/**
 * @param {readonly { name: string, budgetS: number, command: readonly string[], env?: Record<string, string> }[]} stages
 * @param {{ keepGoing?: boolean, retell?: boolean }} options keepGoing: run the later stages after a failure too;
 *   retell: say the end of what a failed stage printed once more before the sum, where whoever reads a log's end finds it
 * @returns {Promise<boolean>} whether all stages passed
 */
export async function runStages(stages, { keepGoing = true, retell = false } = {}) {
  const results = [];
  for (const stage of stages) {
    console.log(`\n── ${stage.name}`);
    const startedMs = Date.now();
    const { status, lastLines } = await runStage(stage, retell);
    const tookS = (Date.now() - startedMs) / 1000;
    const ok = status === 0;
    results.push({ ...stage, tookS, ok, lastLines });
    if (!ok && !keepGoing) break;
  }
  for (const { name, ok, lastLines } of results) {
    if (ok || lastLines.length === 0) continue;
    console.log(`\n── how "${name}" ended`);
    for (const line of lastLines) console.log(line);
  }
  console.log("");
  for (const { name, budgetS, tookS, ok } of results) {
    const over = tookS > budgetS ? `  OVER ITS BUDGET of ${budgetS} s` : ` of ${budgetS} s`;
    console.log(`${ok ? "  ok  " : "FAILED"} ${name}: ${tookS.toFixed(1)} s${over}`);
  }
  return results.length === stages.length && results.every(({ ok }) => ok);
}

function runStage({ command: [program, ...args], env }, retell) {
  const output = retell ? "pipe" : "inherit";
  const child = spawn(program, args, {
    cwd: root,
    stdio: ["ignore", output, output],
    env: { ...process.env, ...env },
  });
  let lastLines = [];
  const keep = (stream, destination) => {
    let unended = "";
    const take = (lines) => {
      lastLines = [...lastLines, ...lines].slice(-retoldLines);
    };
    stream?.setEncoding("utf8").on("data", (text) => {
      destination.write(text);
      const lines = (unended + text).split("\n");
      unended = lines.pop();
      take(lines);
    });
    // What a program says last, before it dies, may lack its line break.
    stream?.on("end", () => take(unended === "" ? [] : [unended]));
  };
  keep(child.stdout, process.stdout);
  keep(child.stderr, process.stderr);
  return new Promise((resolve) => {
    child.once("error", (cause) => {
      console.error(`could not start ${program}: ${cause.message}`);
      resolve({ status: 1, lastLines });
    });
    child.once("close", (status) => resolve({ status, lastLines }));
  });
}
