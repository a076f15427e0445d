/** `troupe audit`: who was let in, refused, denied, or tried to act for another. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface AuditOptions {
  readonly data: string;
  readonly limit: number;
  readonly json?: boolean;
}

export function audit(context: CliContext, options: AuditOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { entries, totals } = await client.listAudit({ limit: options.limit });
    if (options.json === true) {
      for (const entry of entries) context.stdout.write(`${JSON.stringify(entry)}\n`);
      return exitCodes.ok;
    }
    const rows = entries.map((entry) => [
      new Date(entry.atMs).toISOString(),
      entry.kind,
      entry.agentId,
      entry.address,
      String(entry.count),
      entry.what,
    ]);
    const header = ["AT", "KIND", "AGENT", "FROM", "TIMES", "WHAT"];
    const sums = Object.entries(totals).map(([kind, count]) => `${kind} ${count}`);
    const lines = [...table([header, ...rows]), `in all: ${sums.join(", ") || "nothing"}`];
    context.stdout.write(`${lines.join("\n")}\n`);
    return exitCodes.ok;
  });
}
