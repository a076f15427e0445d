/**
 * Keeps the stores of logs and files tidy: once at the start, then at every interval.
 *
 *  S1. A log whose attempt ended without its agent (it was lost) is sealed, so that it is kept and deleted as others are.
 *  S2. Ended logs that retention does not keep are deleted.
 *  S3. What an upload that was broken off has left is deleted when nobody has gone on with it for a day.
 */
import type { BlobStore } from "../actors/blobs/index.ts";
import { type Clock, type Logger, limits, type Timer } from "../actors/kernel/index.ts";
import type { ArchivedLogStore, AttemptKey, LogRetention } from "../actors/logs/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import { attemptIsOver } from "./attempt-phase.ts";

export interface LogSweepOptions {
  readonly logs: Pick<ArchivedLogStore, "expire" | "seal" | "unsealed">;
  readonly blobs: Pick<BlobStore, "dropUploads">;
  readonly runs: Pick<Runs, "view">;
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
    const { logs, retention, clock, logger } = this.#options;
    if (retention === undefined) return;
    const deleted = await logs.expire(retention, clock.nowMs());
    if (deleted > 0) logger.info("old logs were deleted", { deleted });
  }

  async #tidy(): Promise<void> {
    const { logs, blobs, clock } = this.#options;
    for (const key of await logs.unsealed()) {
      if (this.#stopped) return;
      if (await this.#isOver(key)) await logs.seal(key);
    }
    await blobs.dropUploads(clock.nowMs() - limits.uploadKeptMs);
  }

  async #isOver({ runId, job, attempt }: AttemptKey): Promise<boolean> {
    const run = await this.#options.runs.view(runId);
    const view = run?.jobs.find(({ name }) => name === job);
    return view !== undefined && attemptIsOver(view, attempt);
  }
}
