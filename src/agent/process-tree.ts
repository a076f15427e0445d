/**
 * All processes that one job started, also those that left its session or lost their parent.
 * Boundary: finds and signals; when and why is the executor's business.
 *
 *   P1. With a cgroup its members are the tree, and the job's first process is, on its way into it. Else a
 *       process is a member if it carries the job's mark in the environment it was started with, or is in the
 *       session or group of the first process, or descends from a member.
 *   P2. Nothing that started before the job's first process is ever a member, and never the agent itself: a
 *       recycled number cannot make a stranger one.
 *   P3. `killAll` stops members before it kills them, and looks again until none is left: a tree that forks
 *       while it is being killed does not outrun it.
 *
 * Without a cgroup a process that clears its environment, starts a session of its own and gives up its
 * parent, all before anyone looks, is not found. With one, only a process with the right to move itself
 * to another cgroup is not.
 */

import type { JobCgroup } from "./cgroup.ts";
import type { AgentClock } from "./clock.ts";
import { wait } from "./clock.ts";
import { agentLimits } from "./limits.ts";
import type { ProcessEntry, ProcessTable } from "./process-table.ts";

export interface ProcessTreeOptions {
  /** The job's first process, leader of its session; undefined = any age counts (leftovers of an earlier agent). */
  readonly leader: ProcessEntry | undefined;
  /** `NAME=value` that the job's environment was given. */
  readonly mark: string;
  readonly table: ProcessTable;
  readonly clock: AgentClock;
  readonly cgroup?: JobCgroup | undefined;
}

/** How long to wait before looking again whether killed processes are gone. */
const lookAgainMs = 5;

export class ProcessTree {
  readonly #leader: ProcessEntry | undefined;
  readonly #mark: string;
  readonly #table: ProcessTable;
  readonly #clock: AgentClock;
  readonly #cgroup: JobCgroup | undefined;

  constructor(options: ProcessTreeOptions) {
    this.#leader = options.leader;
    this.#mark = options.mark;
    this.#table = options.table;
    this.#clock = options.clock;
    this.#cgroup = options.cgroup;
  }

  /** Members that are alive now (P1, P2). */
  members(): ProcessEntry[] {
    const members = this.#cgroup?.isJoined() === true ? this.#grouped(this.#cgroup) : this.#found();
    return members.filter((entry) => !entry.zombie);
  }

  #grouped(cgroup: JobCgroup): ProcessEntry[] {
    const entries = cgroup.pids().flatMap((pid) => this.#table.get(pid) ?? []);
    const leader = this.#leader && this.#table.get(this.#leader.pid);
    if (leader === undefined || leader.startedAt !== this.#leader?.startedAt) return entries;
    return [leader, ...entries.filter((entry) => entry.pid !== leader.pid)];
  }

  #found(): ProcessEntry[] {
    const oldest = this.#leader?.startedAt ?? Number.NEGATIVE_INFINITY;
    const candidates = this.#table
      .list()
      .filter((entry) => entry.startedAt >= oldest && entry.pid !== process.pid);
    const members = new Map<number, ProcessEntry>();
    for (const entry of candidates) {
      if (this.#isRoot(entry)) members.set(entry.pid, entry);
    }
    let before: number;
    do {
      before = members.size;
      for (const entry of candidates) {
        if (members.has(entry.parentPid)) members.set(entry.pid, entry);
      }
    } while (members.size > before);
    return [...members.values()];
  }

  /** Sends `signal` to every member. Returns how many there were. */
  signal(signal: NodeJS.Signals): number {
    const members = this.members();
    for (const { pid } of members) sendSignal(pid, signal);
    return members.length;
  }

  /** SIGKILL until nobody is left. Returns those that would not die within `killWaitMs`. */
  async killAll(): Promise<ProcessEntry[]> {
    const giveUpAtMs = this.#clock.monotonicMs() + agentLimits.killWaitMs;
    for (;;) {
      this.#cgroup?.kill();
      // Stopped first, so that none of them forks between the look and the kill (P3).
      if (this.signal("SIGSTOP") === 0) return [];
      this.signal("SIGKILL");
      if (this.#clock.monotonicMs() >= giveUpAtMs) return this.members();
      await wait(this.#clock, lookAgainMs);
    }
  }

  #isRoot(entry: ProcessEntry): boolean {
    const leaderPid = this.#leader?.pid;
    if (leaderPid !== undefined) {
      if (entry.sessionId === leaderPid || entry.groupId === leaderPid) return true;
    }
    return this.#table.startedWith(entry.pid, this.#mark);
  }
}

function sendSignal(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended in the meantime, or it is not ours to signal: members() shows it again if it still lives.
    if (!["ESRCH", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? "")) throw error;
  }
}
