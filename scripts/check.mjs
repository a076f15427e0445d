/** `npm run check [-- --static]`: everything about the code that needs no service; static = without running tests. */
import { ensureBuilt } from "./prepare.mjs";
import { runStages } from "./stages.mjs";

ensureBuilt();
const bin = (name) => `node_modules/.bin/${name}`;
const ok = await runStages([
  { name: "format", budgetS: 10, command: [bin("biome"), "check", "--error-on-warnings", "."] },
  {
    name: "lint",
    budgetS: 60,
    command: [
      bin("oxlint"),
      "--type-aware",
      "--deny-warnings",
      "src",
      "test",
      "benchmarks",
      "scripts",
    ],
  },
  {
    name: "imports",
    budgetS: 30,
    command: [bin("depcruise"), "src", "proto", "--output-type", "err-long"],
  },
  { name: "types", budgetS: 60, command: [bin("tsc"), "-p", "tsconfig.json"] },
  { name: "protos", budgetS: 30, command: [process.execPath, "scripts/check-protos.mjs"] },
  { name: "dead code", budgetS: 30, command: [bin("knip")] },
  { name: "package", budgetS: 60, command: [process.execPath, "scripts/check-package.mjs"] },
  ...(process.argv.includes("--static")
    ? []
    : [
        { name: "unit tests", budgetS: 240, command: [bin("vitest"), "run", "--project", "unit*"] },
      ]),
]);
process.exit(ok ? 0 : 1);
