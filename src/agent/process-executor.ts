/** Runs each job as processes of this machine. */
import type { CgroupParent } from "./cgroup.ts";
import type { AgentClock } from "./clock.ts";
import type { Executor } from "./executor.ts";
import { JobRun } from "./job-run.ts";
import { PipeSupply } from "./output-pipe.ts";
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
}

/** What all jobs of one executor share. */
export interface ExecutorContext extends Required<Omit<ExecutorOptions, "cgroups">> {
  readonly cgroups: CgroupParent | undefined;
  readonly pipes: PipeSupply;
  readonly watcher: UsageWatcher;
}

export function processExecutor(options: ExecutorOptions): Executor {
  const table = options.table ?? systemProcessTable();
  const context: ExecutorContext = {
    cgroups: undefined,
    ...options,
    table,
    pipes: new PipeSupply(options.workFolder),
    watcher: new UsageWatcher(options.clock, table),
  };
  context.pipes.replenish();
  return {
    start: (assignment, listener) => new JobRun(context, assignment, listener),
    close: () => context.pipes.close(),
  };
}
