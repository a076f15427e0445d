/**
 * What one watcher of a run gets: the run as it is, then each change, with the bytes of all jobs'
 * logs in between where it asked for them.
 *
 *  W1. Everything goes at the watcher's pace. While it is slow the run goes on, and `runs.watch`
 *      keeps only the newest state of each job.
 *  W2. The end of an attempt is told after the last byte of its log, the end of the run after the
 *      last byte of all.
 */
import type { WatchRunResponse } from "../../proto/troupe/control/v1/control.ts";
import type { LogStore } from "../actors/logs/index.ts";
import type { RunChange } from "../actors/pipelines/index.ts";
import { runHasEnded } from "./attempt-phase.ts";
import { LogTails } from "./log-tails.ts";
import { jobMessage, runMessage, summaryMessage, type WaitingReasons } from "./run-messages.ts";
import type { StreamOutput } from "./stream-output.ts";

export interface RunWatchOptions {
  readonly runId: string;
  readonly changes: AsyncIterable<RunChange>;
  /** Why queued jobs wait. */
  readonly waiting: () => Promise<WaitingReasons>;
  /** undefined = the watcher did not ask for logs. */
  readonly logs: LogStore | undefined;
  readonly output: StreamOutput<WatchRunResponse>;
}

/** Resolves when the run has ended and all is told. */
export async function watchRun(options: RunWatchOptions): Promise<void> {
  const { runId, logs, output, changes } = options;
  const tails = logs && new LogTails(runId, logs, output);
  const send = (change: NonNullable<WatchRunResponse["change"]>) => output.send({ change });
  try {
    for await (const change of changes) {
      switch (change.kind) {
        case "snapshot":
          await send({ $case: "snapshot", value: runMessage(change.run, await options.waiting()) });
          for (const job of change.run.jobs) tails?.follow(job);
          break;
        case "job":
          tails?.follow(change.job);
          await tails?.told(change.job);
          await send({ $case: "job", value: jobMessage(change.job) });
          break;
        case "summary":
          if (runHasEnded(change.summary.status)) await tails?.allTold();
          await send({ $case: "summary", value: summaryMessage(change.summary) });
      }
    }
    await tails?.allTold();
  } finally {
    tails?.close();
  }
}
