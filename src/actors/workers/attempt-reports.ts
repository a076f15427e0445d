/**
 * The port through which workers speak to whoever owns the attempts (pipeline runs). The owner is
 * the only judge: it knows which attempt of a job is the current one.
 *
 * Rules of both sides:
 *  R1. Every call may be repeated, after a time-out or a crash of either side; a repeated call gets
 *      the answer of the first one.
 *  R2. An answer is given only after what it says is in the journal.
 *  R3. A worker forgets an attempt only after the owner has answered `finished`, `lost`, or has
 *      refused it. Nothing is forgotten on the strength of a message that was merely sent.
 */
import type { AttemptKey, AttemptResult, PreparedAttempt } from "./attempt.ts";

export interface AttemptReports {
  /**
   * This worker is about to deliver the attempt. The first worker to ask gets it, and gets the
   * same again when it delivers once more; everyone else is refused. Secrets are resolved here.
   */
  prepare(attempt: AttemptKey, workerId: string): Promise<PrepareAnswer>;

  /** An agent came back and still holds this attempt: does it go on? */
  resumed(attempt: AttemptKey, workerId: string): Promise<ResumeAnswer>;

  /** The job's process runs. */
  started(attempt: AttemptKey, workerId: string, startedAtMs: number): Promise<void>;

  /** The attempt ended, its log is stored. Answers once the outcome is recorded for good. */
  finished(attempt: AttemptKey, workerId: string, result: AttemptResult): Promise<FinishAnswer>;

  /** Nobody will ever finish this attempt: its agent is gone, or says that it does not have it. */
  lost(attempt: AttemptKey, workerId: string, reason: string): Promise<void>;
}

export type PrepareAnswer =
  | { readonly prepared: PreparedAttempt }
  /** Not (or no longer) to be run here; the worker forgets it and its slot is free. */
  | { readonly refused: string };

export type ResumeAnswer =
  | { readonly verdict: "go-on" }
  | { readonly verdict: "cancel"; readonly reason: string; readonly graceMs: number }
  /** Not wanted any more: the agent kills it and reports nothing. */
  | { readonly verdict: "disown"; readonly reason: string };

export interface FinishAnswer {
  /** False: not the current attempt; the result counts for nothing and the agent forgets it. */
  readonly recorded: boolean;
  /** Why it was not recorded, one plain sentence; empty when it was. */
  readonly reason: string;
}
