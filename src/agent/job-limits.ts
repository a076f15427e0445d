/** What one job may use of its agent's machine, and what it did use. */
import type { Limits, Usage } from "../../proto/troupe/agent/v1/agent.ts";

/** 0 = no limit, as on the wire. */
export type JobLimits = Readonly<Limits>;

export type JobUsage = Readonly<Usage>;

export const noLimits: JobLimits = { memoryBytes: 0, cpus: 0, processes: 0, logBytes: 0 };

export type LimitName = "memory" | "cpus" | "processes";

/** In the order in which people are told of them. */
export const limitNames: readonly LimitName[] = ["memory", "cpus", "processes"];

/** Those of `limits` that `enforced` does not have: they would be promises. */
export function unenforced(limits: JobLimits, enforced: ReadonlySet<LimitName>): LimitName[] {
  const asked: Record<LimitName, number> = {
    memory: limits.memoryBytes,
    cpus: limits.cpus,
    processes: limits.processes,
  };
  return limitNames.filter((name) => asked[name] > 0 && !enforced.has(name));
}

/** A limit that the kernel held the job to. */
export type LimitHit =
  /** It needed more memory, and was killed. */
  | { readonly limit: "memory"; readonly bytes: number }
  /** It was refused a further process. */
  | { readonly limit: "processes"; readonly count: number };

/** `512 MiB`, `1.5 GiB`, `10 B`. */
export function sizeText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let unit = 0;
  for (; size >= 1_024 && unit < units.length - 1; unit++) size /= 1_024;
  return `${Number(size.toFixed(size < 10 ? 1 : 0))} ${units[unit]}`;
}
