/**
 * Looks at running jobs from time to time: for what the kernel does not add up by itself, and for
 * limits that it enforces without ending the job. One timer for all jobs, none while there are none.
 * Boundary: only looks; what follows from a limit is the job's own business.
 */
import type { JobCgroup } from "./cgroup.ts";
import type { AgentClock, AgentTimer } from "./clock.ts";
import type { JobUsage, LimitHit } from "./job-limits.ts";
import { agentLimits } from "./limits.ts";
import { procUsage } from "./proc-usage.ts";
import type { ProcessEntry, ProcessTable } from "./process-table.ts";

export interface WatchedJob {
  readonly leader: ProcessEntry | undefined;
  readonly cgroup: JobCgroup | undefined;
  /** Called once, at the first look that finds it out of memory. */
  readonly onOutOfMemory: (hit: LimitHit) => void;
}

export interface UsageWatch {
  /** All that is known by now; undefined = nothing is. */
  usage(): JobUsage | undefined;
  limitHit(): LimitHit | undefined;
  end(): void;
}

export class UsageWatcher {
  readonly #clock: AgentClock;
  readonly #table: ProcessTable;
  readonly #jobs = new Set<Watched>();
  #timer: AgentTimer | undefined;

  constructor(clock: AgentClock, table: ProcessTable) {
    this.#clock = clock;
    this.#table = table;
  }

  watch(job: WatchedJob): UsageWatch {
    const watched = new Watched(job, () => {
      this.#jobs.delete(watched);
      if (this.#jobs.size === 0) this.#timer?.cancel();
    });
    this.#jobs.add(watched);
    if (this.#jobs.size === 1) this.#arm();
    return watched;
  }

  #arm(): void {
    this.#timer = this.#clock.setTimer(agentLimits.usageLookMs, () => {
      const looked = [...this.#jobs].some((job) => job.looksAtProcesses);
      const entries = looked ? this.#table.list() : [];
      for (const job of [...this.#jobs]) job.look(entries);
      if (this.#jobs.size > 0) this.#arm();
    });
  }
}

class Watched implements UsageWatch {
  readonly #job: WatchedJob;
  readonly #whenEnded: () => void;
  #seen: JobUsage | undefined;
  #told = false;

  constructor(job: WatchedJob, whenEnded: () => void) {
    this.#job = job;
    this.#whenEnded = whenEnded;
  }

  /** No group of its own: what its processes say of themselves is all there is. */
  get looksAtProcesses(): boolean {
    return this.#job.cgroup?.isJoined() !== true;
  }

  look(entries: readonly ProcessEntry[]): void {
    const { cgroup, leader, onOutOfMemory } = this.#job;
    if (this.looksAtProcesses) {
      if (leader !== undefined) this.#seen = larger(this.#seen, procUsage(leader, entries));
      return;
    }
    if (cgroup?.keepsPeaks === false) this.#seen = larger(this.#seen, cgroup.usage());
    const hit = cgroup?.limitHit();
    if (hit?.limit !== "memory" || this.#told) return;
    this.#told = true;
    onOutOfMemory(hit);
  }

  usage(): JobUsage | undefined {
    return larger(this.#seen, this.#job.cgroup?.usage());
  }

  limitHit(): LimitHit | undefined {
    return this.#job.cgroup?.limitHit();
  }

  end(): void {
    this.#whenEnded();
  }
}

function larger(one: JobUsage | undefined, other: JobUsage | undefined): JobUsage | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    cpuMs: Math.max(one.cpuMs, other.cpuMs),
    memoryPeakBytes: Math.max(one.memoryPeakBytes, other.memoryPeakBytes),
    processesPeak: Math.max(one.processesPeak, other.processesPeak),
    readBytes: Math.max(one.readBytes, other.readBytes),
    writtenBytes: Math.max(one.writtenBytes, other.writtenBytes),
  };
}
