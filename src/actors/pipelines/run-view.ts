/** A run as people and programs see it: plain values, a copy, never the run's own state. */
import type { JobUsage } from "../workers/index.ts";

export type RunStatus = "running" | "cancelling" | "succeeded" | "failed" | "cancelled";

/** Has a run of this status ended? */
export function isFinalStatus(status: RunStatus): boolean {
  return status === "succeeded" || status === "failed" || status === "cancelled";
}

export type JobStatus =
  /** Its needs are not met yet. */
  | "waiting"
  | "queued"
  /** Given to a worker, not started yet. */
  | "assigned"
  | "running"
  /** A failed attempt waits for its next one. */
  | "retrying"
  | "succeeded"
  | "failed"
  | "skipped"
  | "cancelled";

export interface RunSummary {
  readonly runId: string;
  readonly pipeline: string;
  readonly status: RunStatus;
  readonly createdAtMs: number;
  /** undefined = it has not ended. */
  readonly finishedAtMs?: number;
  readonly jobsTotal: number;
  readonly jobsFinished: number;
}

export interface JobView {
  readonly name: string;
  readonly status: JobStatus;
  /** The newest attempt; 0 = none yet. */
  readonly attempt: number;
  /** Where the newest attempt is, or was. */
  readonly workerId?: string;
  readonly exitCode?: number;
  /** Of the newest attempt that has ended; undefined = its agent could not tell. */
  readonly usage?: JobUsage;
  /** Bytes of what its newest ended attempt left, artifacts packed; undefined = nothing. */
  readonly artifactsBytes?: number;
  readonly summaryBytes?: number;
  /** The id of the commit that it had checked out. */
  readonly commit?: string;
  /** Why it failed, was skipped, or waits: one plain sentence, empty when there is nothing to say. */
  readonly reason: string;
  readonly queuedAtMs?: number;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  readonly needs: readonly string[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly finally: boolean;
  readonly continueOnError: boolean;
  readonly attemptsMax: number;
}

export interface RunView {
  readonly summary: RunSummary;
  readonly jobs: readonly JobView[];
  readonly outputs: Readonly<Record<string, string>>;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What a watcher gets: the whole run first, then what changed. */
export type RunChange =
  | { readonly kind: "snapshot"; readonly run: RunView }
  | { readonly kind: "job"; readonly job: JobView }
  | { readonly kind: "summary"; readonly summary: RunSummary };
