/**
 * What one watcher of a run gets: the run as it is, then each change, with the bytes of all jobs'
 * logs in between where it asked for them.
 *
 *  W1. Everything goes at the watcher's pace. While it is slow the run goes on, and `runs.watch`
 *      keeps only the newest state of each job.
 *  W2. The end of an attempt is told after the last byte of its log, the end of the run after the
 *      last byte of all.
 *  W3. A run that does not move says why: the reason of each queued job, again when it changes.
 */
import type { WatchRunResponse } from "../../proto/troupe/control/v1/control.ts";
import type { Clock } from "../actors/kernel/index.ts";
import type { LogStore } from "../actors/logs/index.ts";
import { isFinalStatus, type RunChange } from "../actors/pipelines/index.ts";
import { LogTails } from "./log-tails.ts";
import { QueuedJobs } from "./queued-jobs.ts";
import { jobMessage, runMessage, summaryMessage, type WaitingReasons } from "./run-messages.ts";
import type { StreamOutput } from "./stream-output.ts";

export interface RunWatchOptions {
  readonly runId: string;
  readonly changes: AsyncIterable<RunChange>;
  /** Why queued jobs wait. */
  readonly waiting: () => Promise<WaitingReasons>;
  /** undefined = the watcher did not ask for logs. */
  readonly logs: LogStore | undefined;
  /** With `logs`: also when their bytes came. */
  readonly logTimes: boolean;
  readonly output: StreamOutput<WatchRunResponse>;
  readonly clock: Clock;
}

/** How often a run that does not move is asked why. */
const askEveryMs = 1_000;

/** Resolves when the run has ended and all is told. */
export async function watchRun(options: RunWatchOptions): Promise<void> {
  const { runId, logs, logTimes: withTimes, output, changes } = options;
  const tails = logs && new LogTails({ runId, logs, withTimes }, output);
  const queued = new QueuedJobs();
  const stopAsking = askWhyStuck(options, queued);
  const send = (change: NonNullable<WatchRunResponse["change"]>) => output.send({ change });
  try {
    for await (const change of changes) {
      switch (change.kind) {
        case "snapshot": {
          const waiting = await options.waiting();
          for (const job of change.run.jobs) queued.see(job, waiting);
          await send({ $case: "snapshot", value: runMessage(change.run, waiting) });
          for (const job of change.run.jobs) tails?.follow(job);
          break;
        }
        case "job":
          queued.see(change.job);
          tails?.follow(change.job);
          await tails?.told(change.job);
          await send({ $case: "job", value: jobMessage(change.job) });
          break;
        case "summary":
          if (isFinalStatus(change.summary.status)) await tails?.allTold();
          await send({ $case: "summary", value: summaryMessage(change.summary) });
      }
    }
    await tails?.allTold();
  } finally {
    stopAsking();
    tails?.close();
  }
}

/** Tells in between what the changes do not say. Returns the way to stop. */
function askWhyStuck({ clock, waiting, output }: RunWatchOptions, queued: QueuedJobs): () => void {
  let over = false;
  const ask = async (): Promise<void> => {
    if (queued.stuck) {
      const reasons = await waiting();
      for (const value of over ? [] : queued.news(reasons)) {
        await output.send({ change: { $case: "job", value } });
      }
    }
    if (!over) timer = clock.setTimer(askEveryMs, go);
  };
  // What fails here fails the watch itself too: the reader has gone, or the system stops.
  const go = (): void => void ask().catch(() => {});
  let timer = clock.setTimer(askEveryMs, go);
  return () => {
    over = true;
    timer.cancel();
  };
}
