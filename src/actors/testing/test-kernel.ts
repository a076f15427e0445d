import {
  createKernel,
  type Kernel,
  type KernelOptions,
  type Random,
  seededRandom,
  type TurnSource,
} from "../kernel/index.ts";
import { ManualClock } from "./manual-clock.ts";

export interface TestKernelOptions
  extends Omit<KernelOptions, "name" | "clock" | "random" | "turns"> {
  readonly name?: string;
  /** Decides the order of turns and everything random. The same seed gives the same run. */
  readonly seed?: number;
}

/**
 * A kernel under virtual time, whose every turn is chosen by a seed: one message of one actor at
 * a time, in an order that differs from seed to seed and never for one seed.
 *
 *   I1. Nothing happens unless the kit is run; no timer of the machine is used.
 *   I2. Time moves only when nothing is left to do, from one timer to the next.
 */
export interface TestKernel {
  readonly kernel: Kernel;
  readonly clock: ManualClock;
  readonly random: Random;
  readonly seed: number;
  /** Runs all turns that can run now, and the promises that they wait for. */
  settle(): Promise<void>;
  /** Moves time on by `byMs`, timer by timer, settling after each. */
  advance(byMs: number): Promise<void>;
  /** Runs turns and time until `promise` settles. Fails when nothing is left that could settle it. */
  run<T>(promise: Promise<T>): Promise<T>;
  /** Stops the kernel under virtual time. */
  stop(): Promise<void>;
}

/** Lets all promises that are settled run their continuations. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class DeterministicKernel implements TestKernel {
  readonly kernel: Kernel;
  readonly clock = new ManualClock();
  readonly random: Random;
  readonly seed: number;
  #requested = false;
  #turn: () => void = () => {};

  constructor(options: TestKernelOptions) {
    const { seed = 1, ...rest } = options;
    this.seed = seed;
    this.random = seededRandom(seed);
    const schedule = seededRandom(seed ^ 0x5eed);
    const turns: TurnSource = (run) => {
      this.#turn = run;
      return {
        request: () => {
          this.#requested = true;
        },
        pick: (ready) => Math.floor(schedule.next() * ready),
        stop: () => {},
      };
    };
    const { clock, random } = this;
    this.kernel = createKernel({ name: "test", ...rest, clock, random, turns });
  }

  async settle(): Promise<void> {
    do {
      while (this.#requested) {
        this.#requested = false;
        this.#turn();
      }
      await microtasks();
    } while (this.#requested);
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
    while (!fate.isSettled) {
      if (!this.clock.advanceToNext()) {
        throw new Error(
          `Nothing is left to happen, and the promise has not settled (seed ${this.seed}).`,
        );
      }
      await this.settle();
    }
    return promise;
  }

  stop(): Promise<void> {
    return this.run(this.kernel.stop());
  }
}

/** Makes a kernel that runs deterministically from its seed. */
export function createTestKernel(options: TestKernelOptions = {}): TestKernel {
  return new DeterministicKernel(options);
}
