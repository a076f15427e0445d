/** One at a time, in the order of asking; and a count of what runs beside, for the end. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();
  #beside = 0;
  #whenIdle: (() => void) | undefined;

  /** Runs `work` after all that was asked for before it has settled. */
  take<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(work);
    // Its failure is its caller's; the next one goes on after it.
    this.#last = result.catch(() => undefined);
    return result;
  }

  /** Runs `work` at once, without a turn. */
  async beside<Result>(work: () => Promise<Result>): Promise<Result> {
    this.#beside++;
    try {
      return await work();
    } finally {
      this.#beside--;
      if (this.#beside === 0) this.#whenIdle?.();
    }
  }

  /** Resolves when nothing runs beside any more; only one waits for it. */
  async idle(): Promise<void> {
    if (this.#beside === 0) return;
    await new Promise<void>((resolve) => {
      this.#whenIdle = resolve;
    });
  }
}
