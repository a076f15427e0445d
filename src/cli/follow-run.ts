/** Shows a run until it ends; an interrupt cancels it first, a second one leaves at once. */
import type { RunView } from "../../proto/troupe/control/v1/control.ts";
import type { ControlClient } from "../server/index.ts";
import type { CliContext } from "./cli-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { exitCodeOf, presenter } from "./render/presenter.ts";

export interface FollowOptions {
  readonly quiet: boolean;
  readonly json: boolean;
  /** What an interrupt does: `run` and `submit --watch` cancel, `watch` only stops watching. */
  readonly onInterrupt: "cancel" | "leave";
}

export async function followRun(
  context: CliContext,
  { client, runId }: { readonly client: ControlClient; readonly runId: string },
  options: FollowOptions,
): Promise<number> {
  const view = presenter({
    style: context.out,
    out: context.stdout,
    json: options.json,
    quiet: options.quiet,
    nowMs: context.nowMs,
  });
  const leaving = new AbortController();
  let interrupts = 0;
  const onSignal = (): void => {
    interrupts += 1;
    if (interrupts > 1 || options.onInterrupt === "leave") {
      leaving.abort();
      return;
    }
    context.stderr.write("\ncancelling; once more to leave at once\n");
    client
      .cancelRun({ runId, reason: "interrupted at the terminal" })
      .catch((error: unknown) => leaving.abort(error));
  };
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  let final: RunView | undefined;
  try {
    for await (const { change } of client.watchRun({ runId, logs: true }, leaving.signal)) {
      if (change !== undefined) view.apply(change);
    }
    ({ run: final } = await client.getRun({ runId }));
  } catch (error) {
    if (!leaving.signal.aborted) throw error;
  } finally {
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    view.end(final);
  }
  return leaving.signal.aborted ? exitCodes.cancelled : exitCodeOf(final ?? view.run);
}
