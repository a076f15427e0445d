/** A store's run: harm after harm, dealt from a shuffled deck, while commands flow. */
import type { Journal } from "../../src/actors/persistence/journal.ts";
import type { Lane, LaneOutcome } from "./lane.ts";

export interface Harm {
  readonly kind: string;
  readonly does: () => Promise<void>;
}

export interface Run {
  readonly lane: Lane;
  readonly deck: readonly Harm[];
  /** The log, to be read raw. */
  readonly journal: () => Promise<Journal>;
  readonly stop: () => Promise<void>;
}

/** Every harm of the deck comes once before any comes again. */
export async function harmUntil({ lane, deck }: Run, untilMs: number): Promise<void> {
  await lane.flows();
  for (;;) {
    for (const { kind, does } of lane.random.shuffled(deck)) {
      if (performance.now() >= untilMs) return;
      await lane.harm(kind, does);
      await lane.flows();
    }
  }
}

/** What cannot be brought to an end is a violation, not a crash of the run. */
export async function outcomeOf(run: Run, harmed: Promise<void>): Promise<LaneOutcome> {
  try {
    await harmed;
    return await run.lane.finish(run.journal);
  } catch (error) {
    const violation = error instanceof Error ? error.message : String(error);
    const { acked } = run.lane;
    return { acked, lost: 0, doubled: 0, violations: [violation], frames: 0, skipped: {} };
  }
}
