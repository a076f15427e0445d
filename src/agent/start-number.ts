/**
 * Counts the starts of an agent on its state folder, so that the server can tell a hello of an earlier
 * start that the network held up from one of this start. The clock helps where the count was lost.
 */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** The number of this start: higher than that of every start before. */
export function nextStart(stateFolder: string, nowMs: number): number {
  const path = join(stateFolder, "start");
  const start = Math.max(lastStart(path) + 1, Math.floor(nowMs));
  const draft = `${path}.new`;
  writeFileSync(draft, `${start}\n`, { mode: 0o600 });
  renameSync(draft, path);
  return start;
}

function lastStart(path: string): number {
  try {
    const last = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(last) && last > 0 ? last : 0;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
