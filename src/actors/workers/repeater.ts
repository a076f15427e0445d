/**
 * Repeats what must be answered in the end: reports and releases between workers and runs. There is no
 * last attempt, because giving up would strand an attempt for ever; what bounds it is that only
 * attempts that a worker holds are repeated for, each once at a time.
 */
import { type Clock, type Logger, limits, reasonOf } from "../kernel/index.ts";

const firstPauseMs = 100;

export interface RepeatOptions {
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Repeater {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #pauses = new Set<() => void>();
  #stopped = false;

  constructor({ clock, logger }: RepeatOptions) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /**
   * Runs `body` until it resolves. Pauses double from 100 ms up to `limits.repeatMsMax`. undefined =
   * stopped, or `wanted` has become false, before an answer came.
   */
  async run<T>(
    what: string,
    body: () => Promise<T>,
    wanted: () => boolean = () => true,
  ): Promise<T | undefined> {
    for (let pauseMs = firstPauseMs; !this.#stopped && wanted(); pauseMs *= 2) {
      try {
        return await body();
      } catch (error) {
        if (this.#stopped) return undefined;
        const nextInMs = Math.min(pauseMs, limits.repeatMsMax);
        this.#logger.warn(`${what}: no answer yet: ${reasonOf(error)}`, { nextInMs });
        await this.#pause(nextInMs);
      }
    }
    return undefined;
  }

  /** Starts nothing more; what pauses ends without an answer. */
  stop(): void {
    this.#stopped = true;
    for (const end of this.#pauses) end();
  }

  #pause(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        this.#pauses.delete(end);
        timer.cancel();
        resolve();
      };
      const timer = this.#clock.setTimer(delayMs, end);
      this.#pauses.add(end);
    });
  }
}
