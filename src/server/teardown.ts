/** What must be undone, in the reverse order of how it was done: after a failed start, and to stop. */
import type { Logger } from "../actors/kernel/index.ts";

export class Teardown {
  readonly #steps: { readonly what: string; readonly undo: () => unknown }[] = [];
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** `undo` runs once, before everything that was added earlier. */
  add(what: string, undo: () => unknown): void {
    this.#steps.push({ what, undo });
  }

  /** A step that fails is logged and does not keep the others from running. */
  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        this.#logger.warn("a step of the stop failed", { step: step.what, error });
      }
    }
  }
}
