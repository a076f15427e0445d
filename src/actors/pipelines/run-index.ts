/**
 * The list of runs, newest first: one small persistent actor, so that the list is there after a
 * restart without waking every run. It holds the `limits.runsKnownMax` newest runs; a run that has
 * left the list is still there by its id.
 *
 * It is told after a run's own commit, so it may miss the end of a run whose process died in
 * between: whoever reads the list asks the runs that it believes ongoing (`local-runs.ts`).
 */
import { limits } from "../kernel/index.ts";
import { definePersistentActor } from "../persistence/index.ts";
import type { RunSummary } from "./run-view.ts";

export interface RunList {
  /** In the order in which they came, oldest first. */
  readonly runs: readonly RunSummary[];
}

export const RunIndex = definePersistentActor("run-index", {
  initialState: (): RunList => ({ runs: [] }),
  snapshot: { everyEvents: 1_000 },
})
  .events({
    noted: ({ runs }, summary: RunSummary): RunList => ({ runs: withRun(runs, summary) }),
  })
  .commands({
    /** Adds the run, or replaces what was known of it. What is known already writes nothing. */
    note: (index, summary: RunSummary): void => {
      const known = index.state.runs.find(({ runId }) => runId === summary.runId);
      if (known?.status !== summary.status) index.persist("noted", summary);
    },

    newest: ({ state }, count: number): readonly RunSummary[] =>
      state.runs.slice(-count).toReversed(),
  });

export type RunIndexHandle = InstanceType<(typeof RunIndex)["Handle"]>;

/** There is one list. */
export const runIndexId = "all";

function withRun(runs: readonly RunSummary[], summary: RunSummary): readonly RunSummary[] {
  const at = runs.findLastIndex(({ runId }) => runId === summary.runId);
  if (at !== -1) return runs.with(at, summary);
  return [...runs, summary].slice(-limits.runsKnownMax);
}
