/**
 * Brings a fresh clone to where its commands can run: packages installed, TypeScript built.
 * Uses nothing but Node itself, because nothing else is there yet. Does nothing when all is fresh.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`Troupe needs Node 20.19 or newer; this is ${process.version}.`);
  process.exit(1);
}

/** Installs exactly what package-lock.json says, unless that is what is there. */
export function ensureInstalled() {
  const lock = join(root, "package-lock.json");
  const installed = join(root, "node_modules", ".package-lock.json");
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return;
  step("installing packages (npm ci)");
  run("npm", ["ci", "--no-audit", "--no-fund", "--loglevel=error"]);
}

/** Written by tsc at the end of a whole build. */
export const buildStamp = join(root, "dist", "build.tsbuildinfo");

const builtFrom = [
  "src",
  "proto",
  "benchmarks",
  "test/chaos",
  "tsconfig.json",
  "tsconfig.build.json",
];

/** Builds dist/ when a source is newer than the last build. */
export function ensureBuilt() {
  ensureInstalled();
  if (isNewer(buildStamp, builtFrom)) return;
  step("building (tsc)");
  removeOrphans(join(root, "dist"));
  run(process.execPath, [
    join(root, "node_modules", "typescript", "bin", "tsc"),
    "-p",
    join(root, "tsconfig.build.json"),
  ]);
  run(process.execPath, [join(root, "scripts", "bundle-agent.mjs")]);
}

/** An incremental build leaves the output of deleted sources behind. */
function removeOrphans(directory) {
  if (!existsSync(directory)) return;
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const output = join(entry.parentPath ?? entry.path, entry.name);
    const stem = /^(.*?)(?:\.js|\.js\.map|\.d\.ts)$/.exec(
      relative(join(root, "dist"), output),
    )?.[1];
    if (entry.isFile() && stem && !existsSync(join(root, `${stem}.ts`))) rmSync(output);
  }
}

/** Runs a command, its output on stderr; ends this process with its exit code if it fails. */
export function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ["ignore", 2, 2] });
  if (result.error) {
    console.error(`could not start ${command}: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

export function step(text) {
  console.error(`» ${text}`);
}

/** Is this file there, and none of the sources (within the project) newer? */
export function isNewer(file, sources) {
  if (!existsSync(file)) return false;
  const { mtimeMs } = statSync(file);
  return sources.every((source) => newestMs(join(root, source)) <= mtimeMs);
}

function newestMs(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  let newest = stat.mtimeMs;
  for (const entry of readdirSync(path)) newest = Math.max(newest, newestMs(join(path, entry)));
  return newest;
}
