/** `troupe logs`: the raw bytes of a job's log on stdout, nothing else. */
import { once } from "node:events";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
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
    const leaving = new AbortController();
    const leave = (): void => leaving.abort();
    process.once("SIGINT", leave);
    try {
      for await (const { data } of client.readLog(request, leaving.signal)) {
        if (!context.stdout.write(data)) await once(context.stdout, "drain");
      }
    } catch (error) {
      if (!leaving.signal.aborted) throw error;
    } finally {
      process.off("SIGINT", leave);
    }
    return exitCodes.ok;
  });
}
