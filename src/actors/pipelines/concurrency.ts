/** Which places in concurrency groups a run and its jobs want. Pure. */
import { limits } from "../kernel/index.ts";
import type { GroupTicket } from "../scheduler/index.ts";
import type { ConcurrencyDefinition } from "./pipeline-definition.ts";
import { jobDefinitionNamed } from "./run-plan.ts";
import type { Run } from "./run-state.ts";
import { runValues } from "./run-values.ts";
import { fillTemplate } from "./template.ts";

/** A place that must be held before a job may be queued. */
export interface PlaceWanted {
  readonly group: string;
  readonly ticket: GroupTicket;
  readonly cancelInProgress: boolean;
}

/** The whole run's place, if it wants one. */
export function placeOfRun(run: Run): PlaceWanted | undefined {
  return placeOf(run, run.definition.concurrency, "");
}

/** The job's own place, if it wants one: not the one that its run holds already. */
export function placeOfJob(run: Run, job: string): PlaceWanted | undefined {
  const place = placeOf(run, jobDefinitionNamed(run.definition, job).concurrency, job);
  return place?.group === placeOfRun(run)?.group ? undefined : place;
}

function placeOf(
  run: Run,
  concurrency: ConcurrencyDefinition | undefined,
  job: string,
): PlaceWanted | undefined {
  if (concurrency === undefined) return undefined;
  const filled = fillTemplate(concurrency.group, runValues(run));
  return {
    group: `group ${filled.slice(0, limits.concurrencyGroupCharactersMax)}`,
    ticket: { runId: run.runId, job },
    cancelInProgress: concurrency.cancelInProgress,
  };
}
