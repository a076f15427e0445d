/**
 * The one way to run a benchmark: `npm run -s bench -- <suite> [--quick] [--json]`.
 * A suite is `benchmarks/<suite>/suite.ts` and exports `suite`.
 */
import { existsSync, readdirSync } from "node:fs";
import { cpus, totalmem } from "node:os";
import { Bench, type Suite } from "./suite.ts";

const here = new URL(".", import.meta.url);
// Built JavaScript is what is measured; a loader that compiles on the way would be measured too.
const suiteFile = import.meta.url.endsWith(".ts") ? "suite.ts" : "suite.js";
const names = readdirSync(here)
  .filter((name) => existsSync(new URL(`${name}/${suiteFile}`, here)))
  .sort();

const { suiteName, quick, json } = readArguments(process.argv.slice(2));
const { suite } = (await import(new URL(`${suiteName}/${suiteFile}`, here).href)) as {
  suite: Suite;
};

const print = (line: string): void => {
  process.stderr.write(`${line}\n`);
};
print(`${suite.name}${quick ? " (quick)" : ""}, Node ${process.version}, ${cpus().length} cores`);
print(`  measured: ${suite.measured}`);
print(`  not measured: ${suite.notMeasured}`);

const bench = new Bench({ quick, print });
await suite.run(bench);

if (json) {
  const document = {
    suite: suite.name,
    quick,
    machine: { cores: cpus().length, cpu: cpus()[0]?.model ?? "", memoryBytes: totalmem() },
    figures: bench.figures,
    ratios: bench.ratios,
  };
  process.stdout.write(`${JSON.stringify(document, null, 2)}\n`);
}
// Suites may leave sockets of peers behind; the figures are out, so the end is now.
process.exit(0);

function readArguments(args: readonly string[]): {
  suiteName: string;
  quick: boolean;
  json: boolean;
} {
  const flags = new Set(args.filter((arg) => arg.startsWith("--")));
  const positional = args.filter((arg) => !arg.startsWith("--"));
  const unknown = [...flags].filter((flag) => flag !== "--quick" && flag !== "--json");
  const suiteName = positional[0];
  if (suiteName === undefined || !names.includes(suiteName) || unknown.length > 0) {
    process.stderr.write(
      `usage: npm run -s bench -- <suite> [--quick] [--json]\n  suites: ${names.join(", ")}\n` +
        (unknown.length > 0 ? `  not known: ${unknown.join(" ")}\n` : "") +
        (suiteName === undefined ? "" : `  no suite of the name: ${suiteName}\n`),
    );
    process.exit(2);
  }
  return { suiteName, quick: flags.has("--quick"), json: flags.has("--json") };
}
