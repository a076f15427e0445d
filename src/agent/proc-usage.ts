/**
 * What a job's processes use, from /proc: for jobs without a control group. A lower bound: who came and
 * went between two looks is seen only in what its parent, having waited for it, has of it.
 */
import { readFileSync } from "node:fs";
import type { JobUsage } from "./job-limits.ts";
import type { ProcessEntry } from "./process-table.ts";

/** The unit of times in /proc, on every machine that Node.js runs on. */
const ticksPerSecond = 100;

/** undefined: none of its processes is there any more, or this system has no /proc. */
export function procUsage(
  leader: ProcessEntry,
  entries: readonly ProcessEntry[],
): JobUsage | undefined {
  const sum = { cpuMs: 0, memoryPeakBytes: 0, processesPeak: 0, readBytes: 0, writtenBytes: 0 };
  for (const { pid } of treeOf(leader, entries)) {
    const stat = read(pid, "stat");
    if (stat === undefined) continue;
    // After the command, which may hold anything; these are fields 14 to 17 of the whole line.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const ticks = fields.slice(11, 15).reduce((total, field) => total + Number(field), 0);
    sum.cpuMs += (ticks * 1_000) / ticksPerSecond;
    const status = read(pid, "status") ?? "";
    sum.memoryPeakBytes += numberAfter("VmRSS", status) * 1_024;
    sum.processesPeak += numberAfter("Threads", status);
    const io = read(pid, "io") ?? "";
    sum.readBytes += numberAfter("read_bytes", io);
    sum.writtenBytes += numberAfter("write_bytes", io);
  }
  return sum.processesPeak === 0 ? undefined : sum;
}

/** By session, group and descent: cheaper than `ProcessTree`, and enough for a sum. */
function treeOf(leader: ProcessEntry, entries: readonly ProcessEntry[]): ProcessEntry[] {
  const members = new Map<number, ProcessEntry>();
  for (const entry of entries) {
    if (entry.startedAt < leader.startedAt || entry.zombie) continue;
    const { pid, sessionId, groupId } = entry;
    if (pid === leader.pid || sessionId === leader.pid || groupId === leader.pid) {
      members.set(pid, entry);
    }
  }
  let before: number;
  do {
    before = members.size;
    for (const entry of entries) {
      if (members.has(entry.parentPid) && !entry.zombie) members.set(entry.pid, entry);
    }
  } while (members.size > before);
  return [...members.values()];
}

/** Of a line `name: number`, with or without a unit. */
function numberAfter(name: string, text: string): number {
  return Number(new RegExp(`^${name}:\\s*(\\d+)`, "m").exec(text)?.[1] ?? 0);
}

function read(pid: number, file: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return undefined;
  }
}
