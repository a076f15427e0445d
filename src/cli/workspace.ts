/** Packs a folder of this machine and hands it to a server, for a run whose jobs begin with it. */
import { execFile } from "node:child_process";
import { createReadStream, existsSync, lstatSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import type { Workspace } from "../../proto/troupe/control/v1/control.ts";
import { ArchiveError, packArchive } from "../agent/index.ts";
import type { ControlClient } from "../server/index.ts";
import type { CliContext } from "./cli-context.ts";
import { UsageError } from "./usage-error.ts";

/** Of a folder that git does not know: neither history nor our own data are part of the work. */
const leftOut = new Set([".git", ".troupe"]);

/** undefined = no folder is given. */
export async function uploadWorkspace(
  context: CliContext,
  client: ControlClient,
  directory: string | undefined,
): Promise<Workspace | undefined> {
  if (directory === undefined) return undefined;
  const folder = resolve(context.cwd, directory);
  if (!existsSync(folder) || !lstatSync(folder).isDirectory()) {
    throw new UsageError(`--workspace: ${directory} is not a folder`);
  }
  const temporary = await mkdtemp(join(tmpdir(), "troupe-workspace-"));
  try {
    const file = join(temporary, "workspace.tgz");
    await packArchive({ folder, paths: await workspacePaths(folder), file });
    return await client.uploadWorkspace(createReadStream(file, { highWaterMark: 256 * 1024 }));
  } catch (error) {
    if (!(error instanceof ArchiveError)) throw error;
    throw new UsageError(`--workspace: ${error.message}`);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
}

/** In a git work tree what git knows or would add, so that .gitignore counts as it does there; else all of it. */
export async function workspacePaths(folder: string): Promise<string[]> {
  const listed = await filesOfGit(folder);
  if (listed !== undefined) return listed;
  return (await readdir(folder)).filter((name) => !leftOut.has(name));
}

async function filesOfGit(folder: string): Promise<string[] | undefined> {
  const args = ["-C", folder, "ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  try {
    const { stdout } = await promisify(execFile)("git", args, { maxBuffer: 256 * 1024 * 1024 });
    const names = new Set(stdout.split("\0").filter((name) => name !== ""));
    // The index also has what was deleted since; `troupe run` keeps its data where it is started.
    return [...names].filter(
      (name) =>
        !name.startsWith(".troupe/") &&
        lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined,
    );
  } catch {
    // No git on this machine, or no work tree.
    return undefined;
  }
}
