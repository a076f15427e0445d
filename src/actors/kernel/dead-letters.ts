/** Why a message was not handled. */
export type DeadLetterReason =
  | "stopped"
  | "mailbox-full"
  | "stash-dropped"
  | "late-reply"
  | "expired"
  | "unhandled"
  | "system-stopped";

export interface DeadLetter {
  /** Path of the actor it was meant for. */
  readonly to: string;
  /** Name of the command; empty for a plain message. */
  readonly command: string;
  readonly message: unknown;
  readonly reason: DeadLetterReason;
  readonly atMs: number;
}

/** Messages that reached nobody: all are counted, the newest are kept as samples. */
export class DeadLetters {
  readonly #samplesMax: number;
  readonly #counts = new Map<DeadLetterReason, number>();
  #samples: DeadLetter[] = [];
  #total = 0;

  constructor(samplesMax: number) {
    this.#samplesMax = samplesMax;
  }

  get total(): number {
    return this.#total;
  }

  /** How many there were for each reason. */
  counts(): Partial<Record<DeadLetterReason, number>> {
    return Object.fromEntries(this.#counts);
  }

  /** The newest of them, oldest first; at most `limits.deadLetterSamplesMax`. */
  samples(): readonly DeadLetter[] {
    return [...this.#samples];
  }

  /** @internal */
  add(letter: DeadLetter): void {
    this.#total++;
    this.#counts.set(letter.reason, (this.#counts.get(letter.reason) ?? 0) + 1);
    this.#samples.push(letter);
    // Trimmed in halves, so that a flood costs O(1) each.
    if (this.#samples.length >= this.#samplesMax * 2) {
      this.#samples = this.#samples.slice(-this.#samplesMax);
    }
  }
}
