/** Systems over journals that outlive them, for tests of persistent actors. */
import { onTestFinished } from "vitest";
import { silentLogger } from "../../../src/actors/kernel/index.ts";
import type { Journal } from "../../../src/actors/persistence/index.ts";
import { type FaultJournal, faultJournal } from "../../../src/actors/persistence/journals/index.ts";
import { memoryJournal } from "../../../src/actors/persistence/journals/memory/index.ts";
import type { ManualClock } from "../../../src/actors/testing/index.ts";
import { createSystem, type System, type SystemOptions } from "../../../src/index.ts";

/** A journal in memory that stays when a system over it is stopped, as a disk does; faults can be ordered. */
export function disk(shards = 2): FaultJournal {
  const journal = faultJournal(memoryJournal({ shards }));
  journal.close = () => Promise.resolve();
  return journal;
}

export interface StartOptions extends Partial<SystemOptions> {
  readonly journal?: Journal;
}

const lifelines = new WeakMap<System, Lifeline>();

/** The way of one process to the journal: when it is cut, the process hears nothing any more and writes nothing. */
class Lifeline implements Journal {
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax: number;
  isCut = false;
  frozen: Promise<void> | undefined;
  readonly #inner: Journal;

  constructor(inner: Journal) {
    this.#inner = inner;
    this.journalId = inner.journalId;
    this.shards = inner.shards;
    this.recordBytesMax = inner.recordBytesMax;
  }

  async #alive<T>(call: () => Promise<T>): Promise<T> {
    await this.frozen;
    if (this.isCut) return new Promise(() => {});
    const result = await call();
    return this.isCut ? new Promise(() => {}) : result;
  }

  tail: Journal["tail"] = (shard) => this.#alive(() => this.#inner.tail(shard));
  append: Journal["append"] = (requests) => this.#alive(() => this.#inner.append(requests));
  read: Journal["read"] = (shard, from, bytesMax) =>
    this.#alive(() => this.#inner.read(shard, from, bytesMax));
  readAt: Journal["readAt"] = (shard, at) => this.#alive(() => this.#inner.readAt(shard, at));
  cut: Journal["cut"] = (shard, before) => this.#alive(() => this.#inner.cut(shard, before));
  close: Journal["close"] = () => this.#inner.close();
}

/** A system that is stopped with the test, unless it has crashed. */
export async function start(options: StartOptions = {}): Promise<System> {
  const journal = new Lifeline(options.journal ?? disk());
  const system = await createSystem({ name: "test", logger: silentLogger, ...options, journal });
  lifelines.set(system, journal);
  onTestFinished(() => (journal.isCut ? undefined : system.stop({ deadlineMs: 0 })));
  return system;
}

/** The timers that a clock has been asked for from here on, as long as they neither fired nor were cancelled. */
export function armedTimers(clock: ManualClock): ReadonlySet<object> {
  const armed = new Set<object>();
  const setTimer = clock.setTimer.bind(clock);
  clock.setTimer = (delayMs, fire) => {
    const timer = setTimer(delayMs, () => {
      armed.delete(one);
      fire();
    });
    const one = {
      cancel: () => {
        armed.delete(one);
        timer.cancel();
      },
    };
    armed.add(one);
    return one;
  };
  return armed;
}

/** Ends a system as a crash of its process does: nothing is flushed, nobody is told. */
export function crash(system: System): void {
  const lifeline = lifelines.get(system);
  if (lifeline === undefined) throw new Error("only what `start` has started can crash");
  lifeline.isCut = true;
}

/** Stops a system's calls to its journal, as a frozen process does; they go out when it thaws. */
export function freeze(system: System): () => void {
  const lifeline = lifelines.get(system);
  if (lifeline === undefined) throw new Error("only what `start` has started can be frozen");
  let thaw = (): void => {};
  lifeline.frozen = new Promise((resolve) => {
    thaw = () => {
      lifeline.frozen = undefined;
      resolve();
    };
  });
  return thaw;
}

/** Lets everything that can happen without time passing happen. */
export async function settle(rounds = 20): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** Resolves with what the promise was rejected with; fails when it was not. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("expected a rejection, but the promise was fulfilled");
}
