/** Work on one key happens one after the other, in the order it was asked for; other keys do not wait. */
export class TurnByKey {
  readonly #last = new Map<string, Promise<unknown>>();

  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const earlier = this.#last.get(key) ?? Promise.resolve();
    const done = earlier.then(work);
    // Whoever asked for it meets its failure; the next one only waits for its end.
    const settled = done.then(nothing, nothing);
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return done;
  }

  /** Resolves when all work asked for so far is over. */
  async idle(): Promise<void> {
    await Promise.all(this.#last.values());
  }
}

function nothing(): void {}
