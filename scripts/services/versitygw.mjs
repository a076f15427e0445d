/** versitygw, a server that speaks S3, built once from its Go module and kept in the project's cache folder. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { onPath } from "./program.mjs";

const VERSION = "v1.8.0";
const MODULE = "github.com/versity/versitygw/cmd/versitygw";

const cache = join(new URL("../..", import.meta.url).pathname, ".cache");
const folder = join(cache, `versitygw-${VERSION}`);

/** @returns {{ program: string, how: string } | { missing: string }} */
export function versitygw() {
  const found = onPath("versitygw");
  if (found !== undefined) return { program: found, how: "versitygw on the PATH" };
  const program = join(folder, "versitygw");
  const how = `versitygw ${VERSION}`;
  if (existsSync(program)) return { program, how };
  const go =
    onPath("go") ?? (existsSync("/usr/local/go/bin/go") ? "/usr/local/go/bin/go" : undefined);
  if (go === undefined) {
    return { missing: "Install Go 1.24 or newer, or set S3_URL=http://key:secret@host:port." };
  }
  const problem = build(go);
  return problem === undefined ? { program, how } : { missing: problem };
}

/** Whole or not at all: several runs may do this at once. */
function build(go) {
  console.error(`» building versitygw ${VERSION} (Go module, about a minute, once)`);
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "versitygw-build-"));
  try {
    const env = { ...process.env, CGO_ENABLED: "0", GOBIN: work };
    const { status, stderr } = spawnSync(go, ["install", `${MODULE}@${VERSION}`], {
      env,
      encoding: "utf8",
    });
    if (status !== 0) return `versitygw could not be built:\n${(stderr ?? "").slice(-2_000)}`;
    try {
      renameSync(work, folder);
    } catch (error) {
      if (!existsSync(folder)) throw error;
    }
    return undefined;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
