/** What a bank process can say of itself when it is asked why nothing moves. */
import type { JournalObserver, Logger, System } from "../../src/index.ts";

interface ShardDiary {
  recovered: number;
  claimed: number;
  deposed: number;
  stalled: number;
  uncertain: number;
  confirmed: number;
}

export class BankDiary implements JournalObserver {
  readonly #shards = new Map<number, ShardDiary>();
  /** Failed commands since the last report, by code. */
  readonly #failures = new Map<string, number>();
  /** When the commands in hand came, by key, oldest first. */
  readonly #inHand = new Map<string, number>();
  readonly #onDeposed: () => void;

  constructor(onDeposed: () => void) {
    this.#onDeposed = onDeposed;
  }

  began(key: string): void {
    this.#inHand.set(key, performance.now());
  }

  ended(key: string, code?: string): void {
    this.#inHand.delete(key);
    if (code !== undefined) this.#failures.set(code, (this.#failures.get(code) ?? 0) + 1);
  }

  frameConfirmed(shard: number): void {
    this.#of(shard).confirmed++;
  }

  appendUncertain(shard: number): void {
    this.#of(shard).uncertain++;
  }

  recovered(shard: number): void {
    this.#of(shard).recovered++;
  }

  claimed(shard: number): void {
    this.#of(shard).claimed++;
  }

  deposed(shard: number): void {
    this.#of(shard).deposed++;
    this.#onDeposed();
  }

  stalled(shard: number): void {
    this.#of(shard).stalled++;
  }

  #of(shard: number): ShardDiary {
    let diary = this.#shards.get(shard);
    if (diary === undefined) {
      diary = { recovered: 0, claimed: 0, deposed: 0, stalled: 0, uncertain: 0, confirmed: 0 };
      this.#shards.set(shard, diary);
    }
    return diary;
  }

  /** One line. The counts of frames and failures begin anew with it, so that two reports show what moves. */
  report(system: System): string {
    const [oldest] = this.#inHand.values();
    const entities = system.entities().map((entity) => {
      const { id, shard, phase, busy, waiting, unconfirmed } = entity;
      return `${id}@${shard} ${phase}${busy ? " busy" : ""} ${waiting}+${unconfirmed}`;
    });
    const report = JSON.stringify({
      inHand: this.#inHand.size,
      oldestMs: oldest === undefined ? 0 : Math.round(performance.now() - oldest),
      failures: Object.fromEntries(this.#failures),
      shards: Object.fromEntries(this.#shards),
      entities,
    });
    this.#failures.clear();
    for (const diary of this.#shards.values()) diary.confirmed = 0;
    return report;
  }
}

/** Warnings and errors as single lines on standard error, where the run keeps the last of them. */
export const diaryLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: (message) => write("warn", message),
  error: (message) => write("error", message),
  child: () => diaryLogger,
};

function write(level: string, message: string): void {
  console.error(`${new Date().toISOString().slice(11, 23)} ${level} ${message}`);
}
