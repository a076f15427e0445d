/** `troupe workers`: the agents that the server knows. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { duration } from "../render/duration.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface WorkersOptions {
  readonly data: string;
  readonly json?: boolean;
}

export function workers(context: CliContext, options: WorkersOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { workers: known } = await client.listWorkers({});
    if (options.json === true) {
      for (const worker of known) context.stdout.write(`${JSON.stringify(worker)}\n`);
      return exitCodes.ok;
    }
    if (known.length === 0) {
      context.stdout.write("no agents yet; they come on demand, or by: troupe token create\n");
      return exitCodes.ok;
    }
    const nowMs = context.nowMs();
    const rows = known.map((worker) => [
      worker.workerId,
      worker.agentName,
      worker.status,
      `${worker.running.length}/${worker.slots}`,
      worker.lastSeenAtMs === 0 ? "" : `${duration(nowMs - worker.lastSeenAtMs)} ago`,
      Object.entries(worker.labels)
        .map(([name, value]) => `${name}=${value}`)
        .join(" "),
    ]);
    const header = ["WORKER", "AGENT", "STATUS", "SLOTS", "SEEN", "LABELS"];
    context.stdout.write(`${table([header, ...rows]).join("\n")}\n`);
    return exitCodes.ok;
  });
}
