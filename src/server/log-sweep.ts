/**
 * Keeps the stores of logs and files tidy: once at the start, then at every interval.
 *
 *  S1. A log whose attempt ended without its agent (it was lost) is sealed, so that it is kept and deleted as others are.
 *  S2. Ended logs and files of jobs that retention does not keep are deleted, but none of a run that has not ended.
 *  S3. Caches that are too old or too much are deleted.
 *  S4. What an upload that was broken off has left is deleted when nobody has gone on with it for a day.
 */
import type { BlobStore } from "../actors/blobs/index.ts";
import type { Caches } from "../actors/caches/index.ts";
import { type Clock, type Logger, limits, type Timer } from "../actors/kernel/index.ts";
import type { ArchivedLogStore, AttemptKey, LogName, LogRetention } from "../actors/logs/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import { attemptIsOver } from "./attempt-phase.ts";
import type { FileSweep } from "./file-sweep.ts";
import type { RetentionMarks } from "./retention-marks.ts";

export interface LogSweepOptions {
  readonly logs: Pick<ArchivedLogStore, "expire" | "seal" | "unsealed">;
  readonly blobs: Pick<BlobStore, "dropUploads">;
  readonly caches: Pick<Caches, "sweep">;
  readonly runs: Pick<Runs, "view" | "ongoing" | "all">;
  readonly files: Pick<FileSweep, "expire">;
  readonly marks: Pick<RetentionMarks, "raise">;
  /** undefined = all logs are kept. */
  readonly retention: LogRetention | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class LogSweep {
  readonly #options: LogSweepOptions;
  #timer: Timer | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(options: LogSweepOptions) {
    this.#options = options;
  }

  /** Throws `TROUPE_OPTION_INVALID` for a retention that makes no sense. */
  async start(): Promise<void> {
    await this.#expire();
    this.#sweeping = this.#trying(() => this.#tidy());
    this.#arm();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#sweeping;
  }

  #arm(): void {
    if (this.#stopped) return;
    const again = (): void => {
      const sweep = async (): Promise<void> => {
        await this.#tidy();
        await this.#expire();
      };
      this.#sweeping = this.#trying(sweep).finally(() => this.#arm());
    };
    const { clock } = this.#options;
    this.#timer = clock.setTimer(limits.logSweepIntervalMs, again, { background: true });
  }

  async #trying(work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#options.logger.warn("old logs could not be tidied up yet", { error });
    }
  }

  async #expire(): Promise<void> {
    const { logs, runs, files, marks, retention, clock, logger } = this.#options;
    await files.expire(clock.nowMs());
    if (retention === undefined) return;
    const deleted = await logs.expire(retention, clock.nowMs(), {
      heldRuns: await runs.ongoing(),
      before: (endedAtMs) => marks.raise("logs", endedAtMs),
    });
    if (deleted > 0) logger.info("old logs were deleted", { deleted });
  }

  async #tidy(): Promise<void> {
    const { logs, blobs, caches, clock } = this.#options;
    for (const name of await logs.unsealed()) {
      if (this.#stopped) return;
      const over = await this.#ifOver(name);
      if (over !== undefined) await logs.seal(over);
    }
    await blobs.dropUploads(clock.nowMs() - limits.uploadKeptMs);
    await caches.sweep();
  }

  /** The attempt whose log it is, if that is over. */
  async #ifOver(name: LogName): Promise<AttemptKey | undefined> {
    const { runs } = this.#options;
    const runId = name.runId ?? (await runs.all()).find((id) => name.isOfRun(id));
    const run = runId === undefined ? undefined : await runs.view(runId);
    const job = run?.jobs.find((each) => name.isOfJob(each.name));
    if (runId === undefined || job === undefined) return undefined;
    const { attempt } = name;
    return attemptIsOver(job, attempt) ? { runId, job: job.name, attempt } : undefined;
  }
}
