/** The runs of a system, for whoever stands above it: a server, a command line, a test. */
import type { AttemptGrant, AttemptKey, StoredFile } from "../workers/index.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";
import type { JobLeavings, RunFiles } from "./run-state.ts";
import type { RunChange, RunSummary, RunView } from "./run-view.ts";

export interface SubmitRun {
  /** The same id twice is the same run: the second submit changes nothing. */
  readonly runId: string;
  readonly definition: PipelineDefinition;
  /** By name, as text; checked against the definition's parameters. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Added to each job's priority; higher runs first. Default 0. */
  readonly priority?: number;
  /** Already in the blob store: every job begins with what is in it. */
  readonly workspace?: StoredFile;
}

export interface Runs {
  /** Resolves when the run is in the journal. Throws `TROUPE_RUN_INVALID` for parameters that do not fit. */
  submit(run: SubmitRun): Promise<{ readonly runId: string; readonly created: boolean }>;
  /** undefined = there is no such run. */
  view(runId: string): Promise<RunView | undefined>;
  /** Newest first. `limit` default 50. */
  list(options?: { readonly limit?: number }): Promise<readonly RunSummary[]>;
  /** `cancelling: false` = it had already ended. Throws `TROUPE_RUN_NOT_FOUND`. */
  cancel(runId: string, reason: string): Promise<{ readonly cancelling: boolean }>;
  /**
   * The run as it is, then each change; ends after the summary that says how it ended. A watcher
   * that falls behind gets the newest state of each job instead of every step. Throws `TROUPE_RUN_NOT_FOUND`.
   */
  watch(runId: string, options?: { readonly signal?: AbortSignal }): AsyncIterable<RunChange>;
  /** What this attempt may do with what is stored; undefined = it is not with this worker. */
  grant(attempt: AttemptKey, workerId: string): Promise<AttemptGrant | undefined>;
  /**
   * The attempt's agent has sent all of this file, and it is in the store. False: the attempt is not with this worker, or
   * has stored too many.
   */
  stored(attempt: AttemptKey, workerId: string, file: StoredFile): Promise<boolean>;
  /** The ids of all runs there ever were. */
  all(): Promise<readonly string[]>;
  /** The ids of all runs that have not ended. */
  ongoing(): Promise<readonly string[]>;
  /** All that a run has in the store; none where there is no such run. */
  files(runId: string): Promise<RunFiles>;
  /** Files that a job has left in the store; undefined = there is no such job. */
  leavings(runId: string, job: string): Promise<JobLeavings | undefined>;
  /** Why each queued attempt of the run still waits, one plain sentence per job. */
  waiting(runId: string): Promise<ReadonlyMap<string, string>>;
}
