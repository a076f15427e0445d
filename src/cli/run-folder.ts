/**
 * The folders of `troupe run` in `.troupe/runs`: one each, so that runs never wait for one another.
 * Old ones are removed, but never one whose command still lives.
 */
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CliContext } from "./cli-context.ts";

const OWNER = "run.pid";

export interface RunFolderOptions {
  readonly runId: string;
  /** How many earlier folders stay. */
  readonly keep: number;
}

export async function newRunFolder(
  context: CliContext,
  { runId, keep }: RunFolderOptions,
): Promise<string> {
  const runs = resolve(context.cwd, ".troupe", "runs");
  const stamp = new Date(context.nowMs()).toISOString().replaceAll(/[-:]/g, "").slice(0, 15);
  const folder = join(runs, `${stamp}-${runId}`);
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, OWNER), `${process.pid}\n`);
  const earlier = (await readdir(runs)).sort().filter((name) => join(runs, name) !== folder);
  for (const name of earlier.slice(0, Math.max(0, earlier.length - keep))) {
    if (!(await isInUse(join(runs, name)))) {
      await rm(join(runs, name), { recursive: true, force: true });
    }
  }
  return folder;
}

/** A pid that was given to somebody else since keeps a folder for longer; that is the harmless side. */
async function isInUse(folder: string): Promise<boolean> {
  try {
    process.kill(Number(await readFile(join(folder, OWNER), "utf8")), 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
