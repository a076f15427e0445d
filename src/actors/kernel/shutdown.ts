import type { Clock } from "./clock.ts";
import type { Logger } from "./logger.ts";

/**
 * What is done around the end of the actors: `drain` before it (stop taking work in from
 * outside), `close` after it (close what the actors used).
 */
export type ShutdownPhase = "drain" | "close";

interface Task {
  readonly phase: ShutdownPhase;
  readonly name: string;
  readonly run: () => unknown;
}

/**
 * The tasks of an orderly shutdown. Those of a phase run side by side; one that fails or takes
 * too long is told and left behind, so that a shutdown always comes to its end.
 */
export class Shutdown {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #tasks = new Set<Task>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Adds a task. Returns what takes it back. */
  add(phase: ShutdownPhase, name: string, run: () => unknown): () => void {
    const task: Task = { phase, name, run };
    this.#tasks.add(task);
    return () => void this.#tasks.delete(task);
  }

  /** Runs the tasks of a phase; resolves when all have ended or `deadlineMs` is over. */
  async run(phase: ShutdownPhase, deadlineMs: number): Promise<void> {
    const tasks = [...this.#tasks].filter((task) => task.phase === phase);
    if (tasks.length === 0) return;
    const running = new Set(tasks);
    const all = Promise.all(
      tasks.map(async (task) => {
        try {
          await task.run();
        } catch (error) {
          this.#logger.error("a shutdown task failed", { phase, task: task.name, error });
        }
        running.delete(task);
      }),
    );
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(deadlineMs, resolve);
      void all.then(() => {
        timer.cancel();
        resolve();
      });
    });
    for (const task of running) {
      this.#logger.error("a shutdown task did not end in time", {
        phase,
        task: task.name,
        deadlineMs,
      });
    }
  }
}
