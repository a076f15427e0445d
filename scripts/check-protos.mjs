/** The TypeScript beside the protos must be what the protos generate. */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { root } from "./prepare.mjs";

const buf = join(root, "node_modules", ".bin", "buf");
exec(buf, ["lint"], root);

const copy = mkdtempSync(join(tmpdir(), "troupe-protos-"));
try {
  for (const name of ["proto", "buf.yaml", "buf.gen.yaml"]) {
    cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  exec(buf, ["generate"], copy);
  const drifted = filesUnder(join(copy, "proto"))
    .map((file) => relative(copy, file))
    .filter((file) => read(join(copy, file)) !== read(join(root, file)));
  if (drifted.length > 0) {
    console.error(`Generated code is not what the protos say: ${drifted.join(", ")}`);
    console.error("Run `npm run generate` and commit what it changes.");
    process.exit(1);
  }
} finally {
  rmSync(copy, { recursive: true, force: true });
}

function exec(command, args, cwd) {
  const { status } = spawnSync(command, args, { cwd, stdio: "inherit" });
  if (status !== 0) process.exit(1);
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

function read(file) {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
}
