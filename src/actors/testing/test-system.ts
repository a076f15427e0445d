import { type Random, seededRandom, silentLogger } from "../kernel/index.ts";
import { type Journal, memoryJournal } from "../persistence/index.ts";
import { createSystem, type System, type SystemOptions } from "../system/index.ts";
import { TestLife } from "./test-life.ts";
import { type TestRun, VirtualRun } from "./virtual-run.ts";

export interface TestSystemOptions
  extends Pick<
    SystemOptions,
    "definitions" | "limits" | "logger" | "observer" | "journalObserver" | "shards"
  > {
  readonly name?: string;
  /** Decides the order of turns, what the disk takes, and everything random. Default 1. */
  readonly seed?: number;
  /** The disk takes up to so long to write a batch, and again up to so long to say so. Default 2. */
  readonly diskDelayMsMax?: number;
}

/**
 * A whole system, persistent actors included, under virtual time and from a seed: its journal is in memory
 * and outlives it, as a disk does, so that a test can crash it and see what is left.
 */
export interface TestSystem extends TestRun {
  /** The system that runs now: another one after each `crash` and `restart`. */
  readonly system: System;
  /**
   * Ends the process as `kill -9` does, and starts another on the same disk. What the old one was about to write
   * is written or not, as the seed decides; whoever waits for an answer of it waits for ever.
   */
  crash(): Promise<System>;
  /** Stops the system in good order, and starts another on the same disk. */
  restart(): Promise<System>;
  /** Stops the system under virtual time. */
  stop(): Promise<void>;
}

interface Living {
  readonly life: TestLife;
  readonly system: System;
}

class DeterministicSystem extends VirtualRun implements TestSystem {
  readonly #options: Omit<TestSystemOptions, "seed" | "shards">;
  readonly #disk: Journal;
  readonly #pace: Random;
  #living: Living | undefined;

  constructor({ seed = 1, shards = 4, ...options }: TestSystemOptions) {
    super(seed);
    this.#options = options;
    this.#disk = memoryJournal({ shards, random: this.random });
    this.#pace = seededRandom(seed ^ 0xd15c);
  }

  get system(): System {
    if (this.#living === undefined) throw new Error("the system has not been started");
    return this.#living.system;
  }

  async start(): Promise<System> {
    const { diskDelayMsMax = 2, ...options } = this.#options;
    const life = new TestLife();
    const clock = life.clock(this.clock);
    const pace = { clock, random: this.#pace, delayMsMax: diskDelayMsMax };
    const system = await this.run(
      createSystem({
        name: "test",
        logger: silentLogger,
        ...options,
        clock,
        random: this.random,
        turns: life.turns(this.turns),
        journal: life.journal(this.#disk, pace),
      }),
    );
    this.#living = { life, system };
    return system;
  }

  crash(): Promise<System> {
    this.#living?.life.cut();
    return this.start();
  }

  async restart(): Promise<System> {
    await this.stop();
    return this.start();
  }

  stop(): Promise<void> {
    return this.run(this.system.stop());
  }
}

/** Starts a whole system that runs deterministically from its seed. */
export async function createTestSystem(options: TestSystemOptions = {}): Promise<TestSystem> {
  const kit = new DeterministicSystem(options);
  await kit.start();
  return kit;
}
