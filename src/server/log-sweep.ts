/** Takes away the logs that retention does not keep: once at the start, then at every interval. */
import { type Clock, type Logger, limits, type Timer } from "../actors/kernel/index.ts";
import type { ArchivedLogStore, LogRetention } from "../actors/logs/index.ts";

export interface LogSweepOptions {
  readonly logs: Pick<ArchivedLogStore, "expire">;
  readonly retention: LogRetention;
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
    await this.#sweep();
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
      this.#sweeping = this.#sweep()
        .catch((error: unknown) =>
          this.#options.logger.warn("old logs could not be deleted yet", { error }),
        )
        .finally(() => this.#arm());
    };
    const { clock } = this.#options;
    this.#timer = clock.setTimer(limits.logSweepIntervalMs, again, { background: true });
  }

  async #sweep(): Promise<void> {
    const { logs, retention, clock, logger } = this.#options;
    const deleted = await logs.expire(retention, clock.nowMs());
    if (deleted > 0) logger.info("old logs were deleted", { deleted });
  }
}
