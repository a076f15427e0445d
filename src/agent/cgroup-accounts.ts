/**
 * Limits and accounts of one job's control group. The kernel keeps totals and peaks itself, so they
 * are read when somebody asks, and nothing runs meanwhile.
 * Boundary: knows the files of v1 and v2; who is in the group is `cgroup.ts`.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Controller, linesOf } from "./cgroup-hierarchies.ts";
import type { JobLimits, JobUsage, LimitHit, LimitName } from "./job-limits.ts";

export interface ControllerFolder {
  readonly folder: string;
  readonly version: 1 | 2;
}

/** The job's group in the hierarchy of each controller that this machine has. */
export type ControllerFolders = ReadonlyMap<Controller, ControllerFolder>;

const cpuPeriodUs = 100_000;

/** Which limits these controllers hold. */
export function enforcedBy(controllers: Iterable<Controller>): ReadonlySet<LimitName> {
  const by = { memory: "memory", cpu: "cpus", pids: "processes" } as const;
  const names = [...controllers].flatMap((name) => (name in by ? by[name as keyof typeof by] : []));
  return new Set(names);
}

/** Throws what the kernel says to a limit that it does not take. */
export function applyLimits(folders: ControllerFolders, limits: JobLimits): void {
  const memory = folders.get("memory");
  if (memory !== undefined && limits.memoryBytes > 0) limitMemory(memory, limits.memoryBytes);
  const cpu = folders.get("cpu");
  if (cpu !== undefined && limits.cpus > 0) limitCpu(cpu, limits.cpus);
  const pids = folders.get("pids");
  if (pids !== undefined && limits.processes > 0) {
    writeFileSync(join(pids.folder, "pids.max"), String(limits.processes));
  }
}

/** Swap counts as memory: a job that may swap without end has no limit. */
function limitMemory({ folder, version }: ControllerFolder, bytes: number): void {
  if (version === 2) {
    writeFileSync(join(folder, "memory.max"), String(bytes));
    writeIfThere(join(folder, "memory.swap.max"), "0");
    // The job dies as a whole, as half of one is of no use to anybody.
    writeIfThere(join(folder, "memory.oom.group"), "1");
    return;
  }
  writeFileSync(join(folder, "memory.limit_in_bytes"), String(bytes));
  writeIfThere(join(folder, "memory.memsw.limit_in_bytes"), String(bytes));
}

function limitCpu({ folder, version }: ControllerFolder, cpus: number): void {
  const quotaUs = Math.max(1_000, Math.round(cpus * cpuPeriodUs));
  if (version === 2) {
    writeFileSync(join(folder, "cpu.max"), `${quotaUs} ${cpuPeriodUs}`);
    return;
  }
  writeFileSync(join(folder, "cpu.cfs_period_us"), String(cpuPeriodUs));
  writeFileSync(join(folder, "cpu.cfs_quota_us"), String(quotaUs));
}

/** The limit that ended or hindered the job; undefined = none did. */
export function limitHit(folders: ControllerFolders, limits: JobLimits): LimitHit | undefined {
  if (limits.memoryBytes > 0 && memoryKills(folders) > 0) {
    return { limit: "memory", bytes: limits.memoryBytes };
  }
  const pids = folders.get("pids");
  if (pids === undefined || limits.processes === 0) return undefined;
  const refused = keyed(join(pids.folder, "pids.events")).get("max") ?? 0;
  return refused > 0 ? { limit: "processes", count: limits.processes } : undefined;
}

/** How many processes the kernel killed for want of memory within the group. */
function memoryKills(folders: ControllerFolders): number {
  const memory = folders.get("memory");
  if (memory === undefined) return 0;
  const file = memory.version === 2 ? "memory.events" : "memory.oom_control";
  return keyed(join(memory.folder, file)).get("oom_kill") ?? 0;
}

/** undefined where not even CPU time is counted. What this kernel does not count is 0. */
export function usageOf(folders: ControllerFolders): JobUsage | undefined {
  const cpuMs = cpuMsOf(folders);
  if (cpuMs === undefined) return undefined;
  return {
    cpuMs,
    memoryPeakBytes: peakOrPresent(folders.get("memory"), memoryPeak),
    processesPeak: peakOrPresent(folders.get("pids"), pidsPeak),
    ...ioOf(folders.get("io")),
  };
}

interface PeakFiles {
  readonly peak: Readonly<Record<1 | 2, string>>;
  readonly present: Readonly<Record<1 | 2, string>>;
}

const memoryPeak: PeakFiles = {
  peak: { 1: "memory.max_usage_in_bytes", 2: "memory.peak" },
  present: { 1: "memory.usage_in_bytes", 2: "memory.current" },
};

const pidsPeak: PeakFiles = {
  peak: { 1: "pids.peak", 2: "pids.peak" },
  present: { 1: "pids.current", 2: "pids.current" },
};

/** Kernels before 6.1 forget some peaks: somebody must look from time to time. */
export function keepsPeaks(folders: ControllerFolders): boolean {
  return [
    [folders.get("memory"), memoryPeak] as const,
    [folders.get("pids"), pidsPeak] as const,
  ].every(([of, { peak }]) => of === undefined || existsSync(join(of.folder, peak[of.version])));
}

function peakOrPresent(of: ControllerFolder | undefined, { peak, present }: PeakFiles): number {
  if (of === undefined) return 0;
  const found = numberIn(join(of.folder, peak[of.version]));
  return found > 0 ? found : numberIn(join(of.folder, present[of.version]));
}

function cpuMsOf(folders: ControllerFolders): number | undefined {
  const v1 = folders.get("cpuacct");
  if (v1 !== undefined) return Math.round(numberIn(join(v1.folder, "cpuacct.usage")) / 1e6);
  const v2 = folders.get("cpu");
  if (v2?.version !== 2) return undefined;
  return Math.round((keyed(join(v2.folder, "cpu.stat")).get("usage_usec") ?? 0) / 1e3);
}

/** Of disks; what came from the kernel's cache costs nothing and counts nothing. */
function ioOf(io: ControllerFolder | undefined): Pick<JobUsage, "readBytes" | "writtenBytes"> {
  const sum = { readBytes: 0, writtenBytes: 0 };
  if (io === undefined) return sum;
  const file = io.version === 2 ? "io.stat" : "blkio.throttle.io_service_bytes_recursive";
  for (const line of linesOf(join(io.folder, file))) {
    const [, read] = /\b(?:rbytes=|Read )(\d+)/.exec(line) ?? [];
    const [, written] = /\b(?:wbytes=|Write )(\d+)/.exec(line) ?? [];
    sum.readBytes += Number(read ?? 0);
    sum.writtenBytes += Number(written ?? 0);
  }
  return sum;
}

/** `name number` on each line. */
function keyed(path: string): ReadonlyMap<string, number> {
  return new Map(
    linesOf(path).map((line) => {
      const [name = "", value = ""] = line.split(" ");
      return [name, Number(value)];
    }),
  );
}

function numberIn(path: string): number {
  try {
    const number = Number(readFileSync(path, "utf8"));
    return Number.isSafeInteger(number) ? number : 0;
  } catch {
    return 0;
  }
}

/** Not every kernel counts swap, or has the file. */
function writeIfThere(path: string, text: string): void {
  if (existsSync(path)) writeFileSync(path, text);
}
