/** One hash over the content of files that patterns name, the same on every machine. */
import { createHash } from "node:crypto";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import picomatch from "picomatch";
import { agentLimits } from "./limits.ts";
import { fileHash } from "./pack-archive.ts";

export class TooManyFilesError extends Error {}

/**
 * 64 hex digits; undefined = no file matches. Links are not followed, and `.git` is not looked into. A pattern that begins with `!`
 * takes out what the others name.
 */
export async function hashFiles(
  folder: string,
  patterns: readonly string[],
  stopped: AbortSignal,
): Promise<string | undefined> {
  const options = { dot: true };
  const wanted = patterns.filter((pattern) => !pattern.startsWith("!"));
  const unwanted = patterns.flatMap((each) => (each.startsWith("!") ? [each.slice(1)] : []));
  const isWanted = picomatch(wanted.map(plain), options);
  const isUnwanted = picomatch(unwanted.map(plain), options);
  const found: string[] = [];
  let seen = 0;
  const folders = [""];
  for (let at = folders.pop(); at !== undefined; at = folders.pop()) {
    stopped.throwIfAborted();
    for (const entry of await readdir(join(folder, at), { withFileTypes: true })) {
      if (++seen > agentLimits.hashFilesEntriesMax) {
        const most = agentLimits.hashFilesEntriesMax;
        throw new TooManyFilesError(`there are more than ${most} files to look at`);
      }
      const path = at === "" ? entry.name : `${at}/${entry.name}`;
      if (entry.isDirectory() && entry.name !== ".git") folders.push(path);
      else if (entry.isFile() && isWanted(path) && !isUnwanted(path)) found.push(path);
    }
  }
  if (found.length === 0) return undefined;
  const hash = createHash("sha256");
  for (const path of found.sort()) {
    stopped.throwIfAborted();
    hash.update(`${path}\0${await fileHash(join(folder, path))}\n`);
  }
  return hash.digest("hex");
}

function plain(pattern: string): string {
  return pattern.replace(/^(\.\/)+/, "");
}
