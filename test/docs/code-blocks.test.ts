/**
 * Code that people copy must work. TypeScript blocks are whole modules: type-checked with the
 * strictness of our own code, then run (`types-only` on the fence line: only checked, because it
 * needs something that is not there). YAML blocks with `jobs` are validated. Shell lines may only
 * name commands, options and scripts that exist.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { codeBlocks, root } from "./code-blocks.ts";

const blocks = codeBlocks();
const cache = join(root, ".cache");
const typescript = blocks.filter(({ language }) => language === "ts");
let folder: string;
let compiled: { readonly status: number | null; readonly stdout: string };

beforeAll(() => {
  mkdirSync(cache, { recursive: true });
  folder = mkdtempSync(join(cache, "docs-"));
  compiled = compileAll();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** All blocks as one program, each a module of its own; what it emits is run below. */
function compileAll(): typeof compiled {
  typescript.forEach(({ code }, index) => {
    writeFileSync(join(folder, `block-${index}.ts`), `${code}export {};\n`);
  });
  const compilerOptions = { noEmit: false, incremental: false, outDir: "built" };
  writeFileSync(
    join(folder, "tsconfig.json"),
    JSON.stringify({ extends: join(root, "tsconfig.json"), compilerOptions, include: ["*.ts"] }),
  );
  return spawnSync(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", folder],
    { encoding: "utf8" },
  );
}

describe("TypeScript blocks", () => {
  it("type-check, each as a module of its own", () => {
    const named = compiled.stdout.replaceAll(/\S*block-(\d+)\.ts/g, (_, index: string) => {
      return typescript[Number(index)]?.place ?? "";
    });
    expect(named).toBe("");
    expect(compiled.status).toBe(0);
  });

  const runnable = typescript
    .map((block, index) => ({ ...block, index }))
    .filter(({ flags }) => !flags.includes("types-only"));
  it.each(runnable)("$place runs", ({ index }) => {
    const work = mkdtempSync(join(folder, "run-"));
    const { status, stderr, signal } = spawnSync(
      process.execPath,
      [join(folder, "built", `block-${index}.js`)],
      { cwd: work, encoding: "utf8", timeout: 60_000 },
    );
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: "" });
  });
});

describe("YAML blocks", () => {
  const pipelines = blocks.filter(
    ({ language, code }) => language === "yaml" && /^jobs:/m.test(code),
  );
  it.each(pipelines)("$place is a valid pipeline", ({ code }) => {
    const file = join(folder, "pipeline.yaml");
    writeFileSync(file, code);
    const { status, stderr } = troupe(["validate", file]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });
});

describe("shell blocks", () => {
  const scripts = Object.keys(
    (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { scripts: object }).scripts,
  );
  const lines = blocks
    .filter(({ language }) => language === "sh" || language === "bash")
    .flatMap(({ place, code }) => code.split("\n").map((line) => ({ place, line })));

  const npm = lines.flatMap(({ place, line }) => {
    const script = /\bnpm (?:run (?:-s )?)?(test|[a-z:]+)/.exec(line)?.[1];
    return script === undefined || /npm (i|install|ci|pack|exec)\b/.test(line)
      ? []
      : [{ place, line, script }];
  });
  it.each(npm)("$place: $line names a script that exists", ({ script }) => {
    expect(scripts).toContain(script);
  });

  const commands = lines.flatMap(({ place, line }) => {
    const match =
      /(?:^|[ $/])troupe ((?:(?:token|journal) )?[a-z]+(?: (?:deny|allow|rotate|delete))?)(.*)$/.exec(
        line.replace(/\s#.*$/, ""),
      );
    if (match === null) return [];
    const options = [...(match[2] ?? "").matchAll(/\s(--[a-z-]+)/g)].map(([, name]) => name ?? "");
    return [{ place, line, command: match[1] ?? "", options }];
  });
  it.each(commands)("$place: $line is a command line that exists", ({ command, options }) => {
    const { status, stdout } = helpOf(command);
    expect(status).toBe(0);
    for (const option of options) expect(stdout).toContain(option);
  });
});

const helps = new Map<string, ReturnType<typeof troupe>>();

/** Many blocks name the same commands. */
function helpOf(command: string): ReturnType<typeof troupe> {
  const help = helps.get(command) ?? troupe([...command.split(" "), "--help"]);
  helps.set(command, help);
  return help;
}

function troupe(args: readonly string[]): {
  status: number | null;
  stdout: string;
  stderr: string;
} {
  const main = join(root, "dist/src/cli/main.js");
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, ...args], {
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  return { status, stdout, stderr };
}

it("finds the blocks it is meant to hold", () => {
  expect(typescript.length).toBeGreaterThanOrEqual(1);
});
