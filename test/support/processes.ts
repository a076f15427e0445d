/** What lives on this machine, by pid. */
import { readFileSync } from "node:fs";

/** A zombie is dead: it holds nothing and runs nothing. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2, stat.lastIndexOf(")") + 3) !== "Z";
  } catch {
    // No /proc here: the signal's answer has to do.
    return process.platform !== "linux";
  }
}
