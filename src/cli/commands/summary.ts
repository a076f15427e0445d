/** `troupe summary`: the markdown that a job wrote for people, as it is. */
import { JobFile } from "../../../proto/troupe/control/v1/control.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { withClient } from "../with-client.ts";

export function summary(
  context: CliContext,
  { runId, job }: { readonly runId: string; readonly job: string },
  { data }: { readonly data: string },
): Promise<number> {
  return withClient(context, data, async (client) => {
    for await (const piece of client.readJobFile({ runId, job, file: JobFile.SUMMARY })) {
      context.stdout.write(piece.data);
    }
    return exitCodes.ok;
  });
}
