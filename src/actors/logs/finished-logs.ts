/** The sealed logs of a folder: finding them, and taking them away for good. */
import { readdir, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isNoSuchFile } from "./descriptor-cache.ts";
import { sealPath, timesPath } from "./log-name.ts";
import type { FinishedLog } from "./log-retention.ts";

const sealEnding = sealPath("");

export async function finishedLogs(directory: string): Promise<FinishedLog[]> {
  const found: FinishedLog[] = [];
  for (const run of await namesIn(directory)) {
    for (const name of await namesIn(join(directory, run))) {
      if (!name.endsWith(sealEnding)) continue;
      const path = join(directory, run, name.slice(0, -sealEnding.length));
      const [log, seal] = [await statOf(path), await statOf(sealPath(path))];
      if (seal === undefined) continue;
      found.push({ path, bytes: log?.size ?? 0, endedAtMs: seal.mtimeMs });
    }
  }
  return found;
}

/** The paths of logs that are still written, or whose attempt ended without a word. */
export async function unfinishedLogs(directory: string): Promise<string[]> {
  const found: string[] = [];
  for (const run of await namesIn(directory)) {
    const names = new Set(await namesIn(join(directory, run)));
    for (const name of names) {
      if (name.endsWith(".log") && !names.has(sealPath(name)))
        found.push(join(directory, run, name));
    }
  }
  return found;
}

/** A seal alone is no log: it is what is left of one that is being taken away. */
export async function hasLog(path: string): Promise<boolean> {
  return (await statOf(path)) !== undefined;
}

/** The seal goes last: what a crash leaves half deleted is found again. */
export async function removeLog(path: string): Promise<void> {
  await rm(path, { force: true });
  await rm(timesPath(path), { force: true });
  await rm(sealPath(path), { force: true });
  try {
    await rmdir(dirname(path));
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    // Other logs of the run are still there, or all of it has gone already.
    if (code !== "ENOTEMPTY" && code !== "EEXIST" && code !== "ENOENT") throw error;
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw error;
  }
}

async function statOf(path: string): Promise<{ size: number; mtimeMs: number } | undefined> {
  try {
    return await stat(path);
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}
