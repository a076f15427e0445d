/** Runs each job as processes of this machine. */
import type { CgroupParent } from "./cgroup.ts";
import type { AgentClock } from "./clock.ts";
import type { Executor } from "./executor.ts";
import { JobRun } from "./job-run.ts";
import { agentLimits } from "./limits.ts";
import { PipeSupply } from "./output-pipe.ts";
import { ProcessSupply } from "./process-supply.ts";
import { type ProcessTable, systemProcessTable } from "./process-table.ts";
import type { Transfers } from "./transfers.ts";
import { UsageWatcher } from "./usage-watch.ts";

export interface ExecutorOptions {
  /** Each attempt gets a folder of its own in here. */
  readonly workFolder: string;
  /** Begins every job's TROUPE_ATTEMPT_ID, so that the processes of one agent can be told from another's. */
  readonly mark: string;
  readonly clock: AgentClock;
  readonly environment: NodeJS.ProcessEnv;
  readonly onWarning: (message: string) => void;
  readonly table?: ProcessTable;
  readonly transfers: Transfers;
  /** undefined = no control groups. */
  readonly cgroups?: CgroupParent | undefined;
  /** Jobs at once. */
  readonly slots: number;
}

/** What all jobs of one executor share. */
export interface ExecutorContext extends Required<Omit<ExecutorOptions, "cgroups" | "slots">> {
  readonly cgroups: CgroupParent | undefined;
  readonly processes: ProcessSupply;
  readonly watcher: UsageWatcher;
}

export function processExecutor(options: ExecutorOptions): Executor {
  const { slots, ...rest } = options;
  const table = options.table ?? systemProcessTable();
  const pipes = new PipeSupply(options.workFolder);
  const readyMax = Math.min(slots, agentLimits.readyProcessesMax);
  const all = { cgroups: undefined, ...rest, table };
  const processes = new ProcessSupply({ ...all, pipes, readyMax });
  const watcher = new UsageWatcher(options.clock, table);
  const context: ExecutorContext = { ...all, processes, watcher };
  pipes.replenish();
  return {
    start: (assignment, listener) => new JobRun(context, assignment, listener),
    close: () => processes.close(),
  };
}
