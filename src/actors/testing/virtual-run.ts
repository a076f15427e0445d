import { type Random, seededRandom, type TurnSource } from "../kernel/index.ts";
import { ManualClock } from "./manual-clock.ts";

/** So many timers may fire before a promise that is run is given up: a timer that repeats goes on for ever. */
const timersFiredMax = 100_000;

/** What a test does with its kit, whatever the kit holds. */
export interface TestRun {
  readonly clock: ManualClock;
  readonly random: Random;
  readonly seed: number;
  /** Runs all turns that can run now, and the promises that they wait for. */
  settle(): Promise<void>;
  /** Moves time on by `byMs`, timer by timer, settling after each. */
  advance(byMs: number): Promise<void>;
  /**
   * Runs turns and time until `promise` settles. Fails, and names the seed, when nothing is left that could
   * settle it, or when 100,000 timers have fired in vain.
   */
  run<T>(promise: Promise<T>): Promise<T>;
}

/**
 * Virtual time, and turns that a seed chooses.
 *
 *   I1. Nothing happens unless it is run; no timer of the machine is used.
 *   I2. Time moves only when nothing is left to do, from one timer to the next.
 */
export class VirtualRun implements TestRun {
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly seed: number;
  readonly #schedule: Random;
  #requested: (() => void)[] = [];

  constructor(seed: number) {
    this.seed = seed;
    this.random = seededRandom(seed);
    this.#schedule = seededRandom(seed ^ 0x5eed);
  }

  /** Turns for a kernel: one message of one actor at a time. */
  readonly turns: TurnSource = (run) => ({
    request: () => {
      this.#requested.push(run);
    },
    pick: (ready) => Math.floor(this.#schedule.next() * ready),
    stop: () => {},
  });

  async settle(): Promise<void> {
    do {
      for (let turn = this.#requested.shift(); turn; turn = this.#requested.shift()) turn();
      await microtasks();
    } while (this.#requested.length > 0);
  }

  async advance(byMs: number): Promise<void> {
    const untilMs = this.clock.monotonicMs() + byMs;
    await this.settle();
    for (;;) {
      const { nextInMs } = this.clock;
      if (nextInMs === undefined || this.clock.monotonicMs() + nextInMs > untilMs) break;
      this.clock.advanceToNext();
      await this.settle();
    }
    this.clock.advance(untilMs - this.clock.monotonicMs());
  }

  async run<T>(promise: Promise<T>): Promise<T> {
    const fate = { isSettled: false };
    const settled = (): void => {
      fate.isSettled = true;
    };
    promise.then(settled, settled);
    await this.settle();
    for (let fired = 0; !fate.isSettled; fired++) {
      if (fired === timersFiredMax) throw this.#inVain(`${fired} timers have fired`);
      if (!this.clock.advanceToNext()) throw this.#inVain("Nothing is left to happen");
      await this.settle();
    }
    return promise;
  }

  #inVain(what: string): Error {
    const nowMs = Math.round(this.clock.monotonicMs());
    return new Error(
      `${what}, and the promise has not settled (seed ${this.seed}, after ${nowMs} ms).`,
    );
  }
}

/** Lets all promises that are settled run their continuations. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
