/** Systems over journals that outlive them, for tests of persistent actors. */
import { onTestFinished } from "vitest";
import { silentLogger } from "../../../src/actors/kernel/index.ts";
import type { Journal } from "../../../src/actors/persistence/index.ts";
import { type FaultJournal, faultJournal } from "../../../src/actors/persistence/journals/index.ts";
import { memoryJournal } from "../../../src/actors/persistence/journals/memory/index.ts";
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

/** A system that is stopped with the test. */
export async function start(options: StartOptions = {}): Promise<System> {
  const journal = options.journal ?? disk();
  const system = await createSystem({ name: "test", logger: silentLogger, ...options, journal });
  onTestFinished(() => system.stop({ deadlineMs: 0 }));
  return system;
}

/** Ends a system as a crash does: nothing is flushed, nobody is told. Its journal is fenced by the next one. */
export async function crash(system: System): Promise<void> {
  await system.stop({ deadlineMs: 0 });
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
