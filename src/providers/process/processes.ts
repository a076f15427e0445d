/** Processes of this machine, as far as finding and ending an agent with all that it started needs it. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  /** In a unit of the platform's own; only compared. */
  readonly startedAt: number;
  /** What it was started with, as `NAME=value`; empty where that cannot be seen. */
  readonly environment: readonly string[];
}

/** All living processes; dead ones that nobody has collected are left out. */
export function listProcesses(): ProcessEntry[] {
  if (process.platform !== "linux") return psProcesses();
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => procEntry(Number(name)) ?? []);
}

/** When the process with this number started; undefined: there is none. */
export function startOf(pid: number): number | undefined {
  const entries = process.platform === "linux" ? [procEntry(pid)] : psProcesses();
  return entries.find((entry) => entry?.pid === pid)?.startedAt;
}

/** Those that match, and all that descend from them. Never this process itself. */
export function withDescendants(
  all: readonly ProcessEntry[],
  matches: (entry: ProcessEntry) => boolean,
): ProcessEntry[] {
  const found = new Set(all.filter(matches).map((entry) => entry.pid));
  let before: number;
  do {
    before = found.size;
    for (const entry of all) if (found.has(entry.parentPid)) found.add(entry.pid);
  } while (found.size > before);
  found.delete(process.pid);
  return all.filter((entry) => found.has(entry.pid));
}

/** No error if it has just ended. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function procEntry(pid: number): ProcessEntry | undefined {
  const stat = readProc(pid, "stat");
  // A command's name, in parentheses, may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ") ?? [];
  const [state, parentPid] = fields;
  if (state === undefined || parentPid === undefined || "ZX".includes(state)) return undefined;
  return {
    pid,
    parentPid: Number(parentPid),
    startedAt: Number(fields[19]),
    environment: readProc(pid, "environ")?.split("\0") ?? [],
  };
}

function readProc(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    // Gone, or somebody else's.
    return undefined;
  }
}

/** Elsewhere `ps` shows parents and times, but no environments: descent is all there is to go by. */
function psProcesses(): ProcessEntry[] {
  const options = { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } } as const;
  const lines = execFileSync("ps", ["-axo", "pid=,ppid=,stat=,lstart="], options).split("\n");
  return lines.flatMap((line) => {
    const [, pid, parentPid, state, started] = /^\s*(\d+)\s+(\d+)\s+(\S+)\s+(.+)$/.exec(line) ?? [];
    if (pid === undefined || state?.startsWith("Z") !== false || started === undefined) return [];
    const startedAt = Date.parse(started);
    return [{ pid: Number(pid), parentPid: Number(parentPid), startedAt, environment: [] }];
  });
}
