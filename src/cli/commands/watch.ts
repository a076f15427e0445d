/** `troupe watch`: the progress of a run until it ends. */
import type { CliContext } from "../cli-context.ts";
import { followRun } from "../follow-run.ts";
import { withClient } from "../with-client.ts";

export interface WatchOptions {
  readonly data: string;
  readonly quiet?: boolean;
  readonly json?: boolean;
  readonly timestamps?: boolean;
}

export function watch(context: CliContext, runId: string, options: WatchOptions): Promise<number> {
  return withClient(context, options.data, (client) =>
    followRun(
      context,
      { client, runId },
      {
        quiet: options.quiet === true,
        json: options.json === true,
        timestamps: options.timestamps === true,
        onInterrupt: "leave",
      },
    ),
  );
}
