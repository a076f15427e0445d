/** The runs of this system, asked through their actors. */
import { isRejectedBy, TroupeError } from "../kernel/index.ts";
import type { Scheduler } from "../scheduler/index.ts";
import type { AttemptKey, StoredFile } from "../workers/index.ts";
import type { ConcurrencyGate } from "./concurrency-gate.ts";
import { resolveParameters } from "./parameters.ts";
import type { PipelineRunDefinition, PipelineRunHandle } from "./pipeline-run.ts";
import { invalidRun } from "./problem-report.ts";
import type { RunFeed } from "./run-feed.ts";
import type { RunIndexHandle } from "./run-index.ts";
import type { JobLeavings, RunFiles } from "./run-state.ts";
import { isFinalStatus, type RunChange, type RunSummary, type RunView } from "./run-view.ts";
import type { Runs, SubmitRun } from "./runs.ts";

export interface LocalRunsOptions {
  readonly definition: PipelineRunDefinition;
  readonly run: (runId: string) => PipelineRunHandle;
  readonly index: RunIndexHandle;
  /** The ids of all. */
  readonly all: () => Promise<readonly string[]>;
  /** The ids of those that have not ended. */
  readonly ongoing: () => Promise<readonly string[]>;
  readonly feed: RunFeed;
  readonly scheduler: Scheduler;
  readonly gate: ConcurrencyGate;
}

const listDefault = 50;

export class LocalRuns implements Runs {
  readonly #options: LocalRunsOptions;

  constructor(options: LocalRunsOptions) {
    this.#options = options;
  }

  async submit({ runId, definition, parameters, priority = 0, workspace }: SubmitRun) {
    const resolved = resolveParameters(definition.parameters, parameters);
    if (!resolved.ok) throw invalidRun(definition.name, resolved.problems);
    const run = this.#options.run(runId);
    const uploaded = workspace === undefined ? {} : { workspace };
    const { values } = resolved;
    const { created } = await run.create({ definition, parameters: values, priority, ...uploaded });
    return { runId, created };
  }

  view(runId: string): Promise<RunView | undefined> {
    return this.#options.run(runId).view();
  }

  /** What the list believes ongoing is asked: the end of a run may have been missed by a crash. */
  async list({ limit = listDefault }: { readonly limit?: number } = {}) {
    const { index, run } = this.#options;
    const known = await index.newest(limit);
    return Promise.all(
      known.map(async (summary): Promise<RunSummary> => {
        if (isFinalStatus(summary.status)) return summary;
        const now = (await run(summary.runId).summary()) ?? summary;
        if (isFinalStatus(now.status)) await index.note(now);
        return now;
      }),
    );
  }

  async cancel(runId: string, reason: string): Promise<{ readonly cancelling: boolean }> {
    const { definition, run } = this.#options;
    try {
      return await run(runId).cancel(reason);
    } catch (error) {
      if (isRejectedBy(error, definition, "cancel")) throw notFound(runId);
      throw error;
    }
  }

  watch(
    runId: string,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): AsyncIterable<RunChange> {
    const { feed, run } = this.#options;
    const ask = async (watcher: number): Promise<void> => {
      if (!(await run(runId).watch(watcher))) throw notFound(runId);
    };
    return feed.watch(runId, ask, signal);
  }

  grant({ runId, job, attempt }: AttemptKey, workerId: string) {
    return this.#options.run(runId).grant({ job, attempt, workerId });
  }

  stored({ runId, job, attempt }: AttemptKey, workerId: string, file: StoredFile) {
    return this.#options.run(runId).stored({ job, attempt, workerId }, file);
  }

  all(): Promise<readonly string[]> {
    return this.#options.all();
  }

  ongoing(): Promise<readonly string[]> {
    return this.#options.ongoing();
  }

  files(runId: string): Promise<RunFiles> {
    return this.#options.run(runId).files();
  }

  leavings(runId: string, job: string): Promise<JobLeavings | undefined> {
    return this.#options.run(runId).leavings(job);
  }

  async waiting(runId: string): Promise<ReadonlyMap<string, string>> {
    const { scheduler, gate } = this.#options;
    const [queued, held] = await Promise.all([scheduler.waiting(runId), gate.waiting(runId)]);
    return new Map([...queued, ...held]);
  }
}

function notFound(run: string): TroupeError<"TROUPE_RUN_NOT_FOUND"> {
  return new TroupeError("TROUPE_RUN_NOT_FOUND", { run });
}
