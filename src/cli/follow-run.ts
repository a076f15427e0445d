/** Shows a run until it ends; an interrupt cancels it first, a second one leaves at once. */
import type { RunView } from "../../proto/troupe/control/v1/control.ts";
import type { ControlClient } from "../server/index.ts";
import type { CliContext } from "./cli-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { Interruption } from "./interruption.ts";
import { exitCodeOf, presenter } from "./render/presenter.ts";
import { SilentJobs } from "./silent-jobs.ts";

export interface FollowOptions {
  readonly quiet: boolean;
  readonly json: boolean;
  readonly timestamps: boolean;
  /** What the first interrupt does: `run` cancels, `watch` and `submit --watch` only stop watching. */
  readonly onInterrupt: "cancel" | "leave";
}

export async function followRun(
  context: CliContext,
  { client, runId }: { readonly client: ControlClient; readonly runId: string },
  options: FollowOptions & { readonly interruption?: Interruption },
): Promise<number> {
  const view = presenter({
    style: context.out,
    out: context.stdout,
    json: options.json,
    quiet: options.quiet,
    withTimes: options.timestamps,
    nowMs: context.nowMs,
  });
  const interruption = options.interruption ?? new Interruption(context);
  if (options.onInterrupt === "cancel") {
    interruption.askFirst(() => {
      view.note("cancelling; Ctrl-C once more to leave at once");
      client
        .cancelRun({ runId, reason: "interrupted at the terminal" })
        .catch((error: unknown) => interruption.leave(error));
    });
  }
  const { signal } = interruption;
  const silent = new SilentJobs();
  let final: RunView | undefined;
  try {
    const request = { runId, logs: true, logTimes: options.timestamps };
    for await (const { change } of client.watchRun(request, signal)) {
      if (change === undefined) continue;
      view.apply(change);
      silent.see(change);
    }
    const gone = await silent.reason(client, runId);
    if (gone !== undefined) view.note(gone);
    ({ run: final } = await client.getRun({ runId }));
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    if (options.interruption === undefined) interruption.dispose();
    view.end(final);
  }
  return signal.aborted ? exitCodes.interrupted : exitCodeOf(final ?? view.run);
}
