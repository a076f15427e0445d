/** `troupe logs`: the raw bytes of a job's log on stdout, nothing else. */
import { once } from "node:events";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { Interruption } from "../interruption.ts";
import { withClient } from "../with-client.ts";

export interface LogsOptions {
  readonly data: string;
  readonly follow?: boolean;
  readonly attempt?: number;
  readonly offset: number;
}

export function logs(
  context: CliContext,
  { runId, job }: { readonly runId: string; readonly job: string },
  options: LogsOptions,
): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const request = {
      runId,
      job,
      attempt: options.attempt ?? 0,
      offset: options.offset,
      follow: options.follow === true,
    };
    const interruption = new Interruption(context);
    const { signal } = interruption;
    try {
      for await (const { data } of client.readLog(request, signal)) {
        if (!context.stdout.write(data)) await once(context.stdout, "drain", { signal });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      interruption.dispose();
    }
    return exitCodes.ok;
  });
}
