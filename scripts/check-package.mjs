/** What is published must work for those who install it: entries, types, nothing missing, nothing extra. */
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root } from "./prepare.mjs";

const folder = mkdtempSync(join(tmpdir(), "troupe-package-"));
try {
  const [packed] = JSON.parse(
    execFileSync("npm", ["pack", "--json", "--pack-destination", folder], {
      cwd: root,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "inherit"],
    }),
  );
  const stray = packed.files
    .map(({ path }) => path)
    .filter((path) => /^(test|scripts|benchmarks|dist\/(test|benchmarks))\//.test(path));
  if (stray.length > 0) fail(`files that users do not need: ${stray.slice(0, 5).join(", ")}`);
  const tarball = join(folder, packed.filename);
  exec("publint", [tarball, "--strict"]);
  exec("attw", [tarball, "--profile", "esm-only", "--format", "ascii", "--no-emoji"]);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  console.log(
    `package ${version}: ${packed.files.length} files, ${Math.round(packed.unpackedSize / 1024)} KiB unpacked`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function exec(name, args) {
  const { status } = spawnSync(join(root, "node_modules", ".bin", name), args, {
    cwd: root,
    stdio: "inherit",
  });
  if (status !== 0) fail(`${name} found faults`);
}

function fail(message) {
  console.error(`package check: ${message}`);
  process.exit(1);
}
