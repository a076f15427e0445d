/** Keeps processes ready for the jobs to come. The first job of an agent makes its own: one that never runs a job keeps none. */
import { join } from "node:path";
import type { CgroupParent } from "./cgroup.ts";
import type { AgentClock, AgentTimer } from "./clock.ts";
import { agentLimits } from "./limits.ts";
import type { PipeSupply } from "./output-pipe.ts";
import { ReadyProcess } from "./ready-process.ts";
import { findProgram } from "./shells.ts";

export interface ProcessSupplyOptions {
  readonly workFolder: string;
  readonly mark: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly cgroups: CgroupParent | undefined;
  readonly pipes: PipeSupply;
  readonly clock: AgentClock;
  readonly readyMax: number;
}

export class ProcessSupply {
  readonly #options: ProcessSupplyOptions;
  readonly #ready: ReadyProcess[] = [];
  #timer: AgentTimer | undefined;
  #making: Promise<void> | undefined;
  #closed = false;
  #made = 0;

  constructor(options: ProcessSupplyOptions) {
    this.#options = options;
  }

  /** Rejects with what to install, or with the system's own error. */
  async take(): Promise<ReadyProcess> {
    for (let next = this.#ready.shift(); next !== undefined; next = this.#ready.shift()) {
      if (next.isAlive) return next;
      // Killed while it waited, by somebody else: the next one.
      void next.abandon();
    }
    return this.#make();
  }

  /** Makes more soon, one at a time, when the job that took one is under way. A failure is told to the one who takes. */
  replenish(): void {
    if (this.#closed || this.#timer !== undefined || this.#making !== undefined) return;
    if (this.#ready.length >= this.#options.readyMax) return;
    this.#timer = this.#options.clock.setTimer(agentLimits.replenishMs, () => {
      this.#timer = undefined;
      this.#making = this.#keepOne().finally(() => {
        this.#making = undefined;
      });
      this.#making.then(
        () => this.replenish(),
        () => {},
      );
    });
  }

  /** Ends those that wait. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    await this.#making?.catch(() => {});
    await Promise.all(this.#ready.splice(0).map((ready) => ready.abandon()));
    await this.#options.pipes.close();
  }

  async #keepOne(): Promise<void> {
    this.#ready.push(await this.#make());
  }

  async #make(): Promise<ReadyProcess> {
    const { workFolder, mark, environment, cgroups, pipes } = this.#options;
    const path = environment["PATH"] ?? "";
    const shell = findProgram(["sh"], path);
    if (shell === undefined) {
      throw new Error(`sh was not found in PATH (${path}): install a POSIX shell on this agent`);
    }
    const pipe = await pipes.take();
    pipes.replenish();
    const name = `${process.pid}-${++this.#made}`;
    const cgroup = cgroups?.create(name, join(workFolder, `no-cgroup-${name}`));
    return ReadyProcess.start({ shell, folder: workFolder, mark: `${mark}.ready`, pipe, cgroup });
  }
}
