/** `troupe cancel`: asks a run to stop. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { withClient } from "../with-client.ts";

export interface CancelOptions {
  readonly data: string;
  readonly reason: string;
}

export function cancel(
  context: CliContext,
  runId: string,
  options: CancelOptions,
): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { cancelling } = await client.cancelRun({ runId, reason: options.reason });
    context.stdout.write(
      cancelling
        ? `cancelling ${runId}; see: troupe ps ${runId}\n`
        : `${runId} had already ended; nothing was done\n`,
    );
    return exitCodes.ok;
  });
}
