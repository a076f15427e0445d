/** `troupe logs`: the raw bytes of a job's log on stdout, nothing else; with `--grep`, of its matching lines. */
import { once } from "node:events";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { Interruption } from "../interruption.ts";
import { MatchingLines } from "../render/matching-lines.ts";
import { withClient } from "../with-client.ts";

export interface LogsOptions {
  readonly data: string;
  readonly follow?: boolean;
  readonly attempt?: number;
  readonly offset: number;
  readonly grep?: RegExp;
  readonly search?: string;
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
      search: options.search,
    };
    const { grep } = options;
    let found = false;
    const matching = grep === undefined ? undefined : new MatchingLines(grep);
    const interruption = new Interruption(context);
    const { signal } = interruption;
    try {
      for await (const { data } of client.readLog(request, signal)) {
        const shown = matching === undefined ? data : matching.push(data);
        if (shown.length === 0) continue;
        found = true;
        if (!context.stdout.write(shown)) await once(context.stdout, "drain", { signal });
      }
      if (matching !== undefined) context.stdout.write(matching.end());
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      interruption.dispose();
    }
    // As grep has it: finding nothing is an answer that scripts can tell apart.
    const nothing = matching?.found === false || (options.search !== undefined && !found);
    return nothing ? exitCodes.failed : exitCodes.ok;
  });
}
