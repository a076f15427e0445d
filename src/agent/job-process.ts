/**
 * One process of a job with all that it starts: its tree, and the pipe that they all write to.
 * Boundary: knows that it runs and when all of it is over; not what for.
 *
 *   W1. `cleared` resolves when the whole tree is dead and every byte of the pipe was handed on; what survives even
 *       SIGKILL is named.
 */
import type { JobCgroup } from "./cgroup.ts";
import type { AgentClock } from "./clock.ts";
import type { JobStop } from "./job-stop.ts";
import type { ProcessExit } from "./job-verdict.ts";
import { agentLimits } from "./limits.ts";
import { Linger } from "./linger.ts";
import type { ProcessEntry, ProcessTable } from "./process-table.ts";
import { ProcessTree } from "./process-tree.ts";
import type { ReadyProcess } from "./ready-process.ts";

export interface JobProcessOptions {
  readonly table: ProcessTable;
  readonly clock: AgentClock;
  /** The value of TROUPE_ATTEMPT_ID. */
  readonly mark: string;
  /** Valid until it returns. */
  readonly onBytes: (bytes: Uint8Array) => void;
}

export class JobProcess {
  readonly tree: ProcessTree;
  /** The process itself, as it was found; undefined = nothing tells of it. */
  readonly leader: ProcessEntry | undefined;
  readonly #ready: ReadyProcess;
  readonly #clock: AgentClock;
  readonly #linger: Linger;
  readonly #drained: Promise<void>;
  /** The tree is dead: what the pipe still holds is read whatever the link says. */
  #lastBytesLeft = Number.POSITIVE_INFINITY;

  /** One that has become the job, or is about to. Begins to read its pipe. */
  constructor(ready: ReadyProcess, { table, clock, mark, onBytes }: JobProcessOptions) {
    this.#ready = ready;
    this.#clock = clock;
    this.#linger = new Linger(clock, agentLimits.lingerMs);
    // It is still in the table, be it as a zombie: Node asks for its exit code in a later turn.
    this.leader = table.get(ready.pid);
    const assignment = `TROUPE_ATTEMPT_ID=${mark}`;
    const { cgroup } = ready;
    this.tree = new ProcessTree({ leader: this.leader, mark: assignment, table, clock, cgroup });
    this.#drained = new Promise((resolve) => {
      ready.pipe.read((bytes) => {
        onBytes(bytes);
        this.#lastBytesLeft -= bytes.length;
        // Only an escaped process can write this much after the tree is dead.
        if (this.#lastBytesLeft < 0) ready.pipe.close();
      }, resolve);
    });
  }

  get cgroup(): JobCgroup | undefined {
    return this.#ready.cgroup;
  }

  get exited(): Promise<ProcessExit> {
    return this.#ready.exited;
  }

  /** While it is blocked the pipe is not read. */
  setBlocked(blocked: boolean): void {
    if (this.#lastBytesLeft !== Number.POSITIVE_INFINITY) return;
    if (blocked) this.#ready.pipe.pause();
    else this.#ready.pipe.resume();
    this.#linger.setBlocked(blocked);
  }

  /** After its exit: leftovers may finish, then die; then the pipe is read to its end. Returns those that would not die (W1). */
  async cleared(stop: JobStop): Promise<ProcessEntry[]> {
    await Promise.race([this.#linger.until(this.#drained), stop.requested]);
    if (stop.stop !== undefined) await stop.graceOver();
    const survivors = await this.tree.killAll();
    this.#lastBytesLeft = agentLimits.pipeBytesMax;
    this.#ready.pipe.resume();
    const timer = this.#clock.setTimer(agentLimits.pipeCloseMs, () => this.#ready.pipe.close());
    await this.#drained;
    timer.cancel();
    return survivors;
  }

  /** Only after `cleared`. */
  removeCgroup(): void {
    this.#ready.removeCgroup();
  }
}
