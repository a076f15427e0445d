/** `troupe groups`: the groups of a job's log, where they are and how long they took. */
import type { LogGroup } from "../../../proto/troupe/control/v1/control.ts";
import type { ControlClient } from "../../server/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { duration } from "../render/duration.ts";
import { oneLine } from "../render/outline-text.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface GroupsOptions {
  readonly data: string;
  readonly attempt?: number;
  readonly json?: boolean;
}

export function groups(
  context: CliContext,
  of: { readonly runId: string; readonly job: string },
  { data, attempt = 0, json }: GroupsOptions,
): Promise<number> {
  return withClient(context, data, async (client) => {
    const found: LogGroup[] = [];
    for await (const group of groupsOf(client, { ...of, attempt })) {
      if (json === true) context.stdout.write(`${JSON.stringify(group)}\n`);
      else found.push(group);
    }
    if (json === true) return exitCodes.ok;
    const rows = found.map(({ title, offset, endOffset, beganAtMs, endedAtMs }) => [
      String(offset),
      String(endOffset - offset),
      beganAtMs > 0 && endedAtMs > 0 ? duration(endedAtMs - beganAtMs) : "",
      oneLine(title),
    ]);
    const header = ["OFFSET", "BYTES", "TOOK", "GROUP"];
    if (rows.length > 0) context.stdout.write(`${table([header, ...rows]).join("\n")}\n`);
    else context.stdout.write("this log has no groups\n");
    return exitCodes.ok;
  });
}

export async function* groupsOf(
  client: ControlClient,
  request: { readonly runId: string; readonly job: string; readonly attempt: number },
): AsyncGenerator<LogGroup> {
  for await (const { item } of client.outlineLog(request)) {
    if (item?.$case === "group") yield item.value;
  }
}
