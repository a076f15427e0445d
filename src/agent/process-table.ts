/** What processes there are on this machine, as far as a job's tree needs it. */
import { execFileSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readSync } from "node:fs";

export interface ProcessEntry {
  readonly pid: number;
  readonly parentPid: number;
  readonly groupId: number;
  readonly sessionId: number;
  /** Grows with the time of the start, in the table's own unit; with the pid it names one process for good. */
  readonly startedAt: number;
  /** Dead, but its parent has not asked for its exit code yet: there is nothing left to kill. */
  readonly zombie: boolean;
  readonly command: string;
}

export interface ProcessTable {
  list(): ProcessEntry[];
  get(pid: number): ProcessEntry | undefined;
  /** Was this process started with an environment that holds `assignment` (`NAME=prefix`)? false also where that cannot be read. */
  startedWith(pid: number, assignment: string): boolean;
}

/** The table of this platform: /proc, or `ps` where there is none (it shows no environments). */
export function systemProcessTable(): ProcessTable {
  return process.platform === "linux" ? procTable : psTable;
}

const procTable: ProcessTable = {
  list() {
    const entries: ProcessEntry[] = [];
    for (const name of readdirSync("/proc")) {
      if (!/^[0-9]+$/.test(name)) continue;
      const entry = procTable.get(Number(name));
      if (entry !== undefined) entries.push(entry);
    }
    return entries;
  },
  get(pid) {
    const stat = readProc(`/proc/${pid}/stat`);
    return stat === undefined ? undefined : parseProcStat(stat);
  },
  startedWith(pid, assignment) {
    const environment = readProc(`/proc/${pid}/environ`);
    return environment !== undefined && `\0${environment}`.includes(`\0${assignment}`);
  },
};

/** Used again for every file: a scan reads hundreds, and each is small. */
const page = Buffer.allocUnsafeSlow(64 * 1024);

/** undefined: the process is gone, or it belongs to someone else. (`readFileSync` takes four times as long here.) */
function readProc(path: string): string | undefined {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, "r");
    let text = "";
    for (let count = 1; count > 0; ) {
      count = readSync(descriptor, page, 0, page.length, null);
      text += page.toString("latin1", 0, count);
    }
    return text;
  } catch {
    return undefined;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** `pid (command) state ppid pgrp session …`; a command may itself hold spaces and parentheses. */
export function parseProcStat(stat: string): ProcessEntry | undefined {
  const open = stat.indexOf("(");
  const close = stat.lastIndexOf(")");
  const fields = stat.slice(close + 2).split(" ");
  const [state, parentPid, groupId, sessionId] = fields;
  // Field 22 of the whole line, counted from 1.
  const startedAt = Number(fields[19]);
  if (open < 0 || state === undefined || Number.isNaN(startedAt)) return undefined;
  return {
    pid: Number.parseInt(stat, 10),
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: Number(sessionId),
    startedAt,
    zombie: state === "Z" || state === "X",
    command: stat.slice(open + 1, close),
  };
}

const psColumns = ["-o", "pid=,ppid=,pgid=,stat=,lstart=,comm="];

const psTable: ProcessTable = {
  list: () => runPs(["-ax", ...psColumns]),
  get: (pid) => runPs(["-p", String(pid), ...psColumns])[0],
  startedWith: () => false,
};

function runPs(args: readonly string[]): ProcessEntry[] {
  try {
    const options = { encoding: "utf8", env: { ...process.env, LC_ALL: "C" } } as const;
    const lines = execFileSync("ps", args, options).split("\n");
    return lines.flatMap((line) => parsePsLine(line) ?? []);
  } catch {
    // `ps -p` fails when there is no such process.
    return [];
  }
}

/** `pid ppid pgid stat Sat Nov 22 10:00:00 2025 command`. `ps` tells no session that is worth anything on macOS. */
export function parsePsLine(line: string): ProcessEntry | undefined {
  const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\w+\s+\w+\s+\d+\s+[\d:]+\s+\d+)\s+(.*)$/.exec(
    line,
  );
  if (match === null) return undefined;
  const [, pid, parentPid, groupId, state = "", started = "", command = ""] = match;
  return {
    pid: Number(pid),
    parentPid: Number(parentPid),
    groupId: Number(groupId),
    sessionId: Number(groupId),
    startedAt: Date.parse(started),
    zombie: state.startsWith("Z"),
    command,
  };
}
