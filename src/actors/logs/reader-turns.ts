/**
 * Those who read logs take turns with those who write them: a thousand readers that wake at one write would hold the
 * event loop until each has had its piece, and what agents send would wait behind them all.
 *
 *  R1. Between two rounds of input and output at most `perRound` pieces are read.
 *  R2. Whoever has to wait is served in the order in which he came.
 */
export class ReaderTurns {
  readonly #perRound: number;
  readonly #waiting: (() => void)[] = [];
  #left: number;
  #armed = false;

  constructor(perRound: number) {
    this.#perRound = perRound;
    this.#left = perRound;
  }

  /** Resolves when it is the caller's turn; undefined: it is now. */
  take(): Promise<void> | undefined {
    this.#arm();
    if (this.#left === 0) return new Promise((resolve) => this.#waiting.push(resolve));
    this.#left--;
    return undefined;
  }

  /** The event loop sees to sockets and files before it comes back here. */
  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    setImmediate(() => {
      this.#armed = false;
      const next = this.#waiting.splice(0, this.#perRound);
      this.#left = this.#perRound - next.length;
      if (next.length > 0) this.#arm();
      for (const go of next) go();
    });
  }
}
