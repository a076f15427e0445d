/**
 * What an agent that was killed has left behind: processes of its jobs, and their folders. Nobody
 * reads their output any more, and the server has given or will give the jobs to others.
 */
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { AgentLog } from "./agent-log.ts";
import type { CgroupParent } from "./cgroup.ts";
import type { AgentClock } from "./clock.ts";
import type { ProcessTable } from "./process-table.ts";
import { ProcessTree } from "./process-tree.ts";

export interface LeftoversOptions {
  readonly mark: string;
  readonly workFolder: string;
  /** Folders that stay: of attempts that have ended, and are not acknowledged. */
  readonly kept: { has(folder: string): boolean };
  readonly table: ProcessTable;
  readonly clock: AgentClock;
  readonly cgroups: CgroupParent | undefined;
  readonly log: AgentLog;
}

/** Ends them all; returns when they are gone. Folders that cannot be removed are named in the log. */
export async function clearLeftovers(options: LeftoversOptions): Promise<void> {
  const { mark, table, clock, cgroups, log } = options;
  const tree = new ProcessTree({
    leader: undefined,
    mark: `TROUPE_ATTEMPT_ID=${mark}.`,
    table,
    clock,
  });
  const count = tree.members().length;
  cgroups?.clear();
  const survivors = await tree.killAll();
  if (count > 0) {
    log.warn(`killed ${count} processes that an earlier start of this agent left behind`);
  }
  for (const { pid, command } of survivors) log.warn(`could not kill ${pid} (${command})`);
  await removeFolders(options);
}

async function removeFolders({ workFolder, kept, log }: LeftoversOptions): Promise<void> {
  for (const name of await readdir(workFolder)) {
    if (kept.has(name)) continue;
    const path = join(workFolder, name);
    await rm(path, { recursive: true, force: true }).catch((error: Error) => {
      log.warn(`could not remove ${path}: ${error.message}`);
    });
  }
}
