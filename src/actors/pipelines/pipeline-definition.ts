/**
 * A pipeline as plain data: what `definePipeline` and the YAML reader both make, what a run
 * stores in its first event, what the wire carries as canonical JSON. No functions, no secrets.
 */

import type { JobLimits } from "../workers/index.ts";

export type { JobLimits };

export interface PipelineDefinition {
  readonly name: string;
  readonly parameters: readonly ParameterDefinition[];
  readonly jobs: readonly JobDefinition[];
  /** Outputs of the whole run, from jobs' outputs. */
  readonly outputs: Readonly<Record<string, Template>>;
  /** The run is cancelled after this long; undefined = no limit. */
  readonly timeoutMs?: number;
  /** At most this many jobs of the run at once; undefined = as many as there are slots. */
  readonly parallelMax?: number;
  /** true: the first failure cancels what runs and skips what waits (finally jobs still run). Default false. */
  readonly failFast: boolean;
  /** The whole run keeps its place in this group from its first job to its end. */
  readonly concurrency?: ConcurrencyDefinition;
}

/** At most one of all that name the same group is in progress, in the whole system; the others wait in order of arrival. */
export interface ConcurrencyDefinition {
  /** Parameters and the run may fill it; it is the same for the whole life of a run. */
  readonly group: Template;
  /** A newcomer cancels those that are before it. */
  readonly cancelInProgress: boolean;
}

export type ParameterDefinition = {
  readonly name: string;
  readonly description?: string;
  readonly required: boolean;
} & (
  | { readonly type: "string"; readonly default?: string }
  | { readonly type: "number"; readonly default?: number }
  | { readonly type: "boolean"; readonly default?: boolean }
  | { readonly type: "choice"; readonly of: readonly string[]; readonly default?: string }
);

export interface JobDefinition {
  readonly name: string;
  /** All must have ended well (or be `continueOnError`) before this job is queued. */
  readonly needs: readonly string[];
  /** Runs after all ordinary jobs have ended, whatever their outcome, also after a cancel. */
  readonly finally: boolean;
  readonly shell: Shell;
  /**
   * Text, never a template: what differs from run to run reaches a script as an environment variable,
   * so that no value can become code. The YAML reader and `sh` turn holes into such variables.
   */
  readonly script: string;
  readonly env: Readonly<Record<string, Template>>;
  /** Variable name → name of the secret. Values are resolved at assignment, never stored. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Names the job may write to `$TROUPE_OUTPUT`. */
  readonly outputs: readonly string[];
  /** An agent must have all of these labels with these values. */
  readonly labels: Readonly<Record<string, string>>;
  /** Per attempt; undefined = no limit. */
  readonly timeoutMs?: number;
  /** Between SIGTERM and SIGKILL of the whole process tree. Default 10,000. */
  readonly killGraceMs: number;
  readonly retry: RetryPolicy;
  /** The job keeps its place in this group from its first attempt to its end, also between two attempts. */
  readonly concurrency?: ConcurrencyDefinition;
  /**
   * What its agent does with it when it cannot renew its lease. Default `kill` inside a concurrency
   * group, of the job or of the pipeline, else `continue`.
   */
  readonly onDisconnect?: OnDisconnect;
  /** A failure of this job does not fail the run, and its dependents run. */
  readonly continueOnError: boolean;
  /** Higher runs first; -1000 to 1000, default 0. */
  readonly priority: number;
  /** What each attempt may use at most; undefined = as much as the machine has. */
  readonly limits?: JobLimits;
  /** What the attempt's own folder holds before anything else. */
  readonly checkout?: CheckoutDefinition;
  /** Restored before the script, saved after it has succeeded. */
  readonly caches?: readonly CacheDefinition[];
  /** Files and folders, relative to the attempt's own folder, that the jobs which need this one begin with. */
  readonly artifacts?: readonly string[];
  /** What the script reads from standard input. */
  readonly stdin?: Template;
  /** Relative to the attempt's own folder, or absolute. */
  readonly workingDirectory?: string;
  readonly description?: string;
}

/** A commit of a git repository. */
export interface CheckoutDefinition {
  readonly repository: Template;
  /** A branch, a tag, a whole ref or a commit's id; undefined = what the repository's HEAD names. */
  readonly ref?: Template;
  /** Commits of history; 0 = all of it, with all branches and tags. Default 1. */
  readonly depth: number;
  readonly submodules: Submodules;
  /** Relative to the attempt's own folder; undefined = that folder itself. */
  readonly path?: string;
  /** For the repository's own host, over HTTP. */
  readonly username?: string;
  /** Name of the secret that is the password, or token. */
  readonly token?: string;
}

/** What a job may find again that an earlier run of the same pipeline has left. */
export interface CacheDefinition {
  /** What is kept under it is never replaced: a key tells what is in it. */
  readonly key: Template;
  /** Beginnings of other keys, tried in this order; of each the newest entry. */
  readonly restoreKeys: readonly Template[];
  /** Files and folders, relative to the attempt's own folder. */
  readonly paths: readonly string[];
}

export type Submodules = "none" | "direct" | "recursive";

export type OnDisconnect = "kill" | "continue";

export type Shell = "sh" | "bash" | "python" | "node";

export interface RetryPolicy {
  /** Attempts in all, the first one included. 1 = no retry. */
  readonly attemptsMax: number;
  readonly initialDelayMs: number;
  readonly factor: number;
  readonly delayMaxMs: number;
}

/** Text with holes that are filled when the job is assigned. */
export type Template = readonly (string | Expression)[];

export type Expression =
  | { readonly ref: "parameter"; readonly name: string }
  | { readonly ref: "output"; readonly job: string; readonly name: string }
  /** `succeeded | failed | skipped | cancelled`; finally jobs and dependents of continue-on-error jobs ask for it. */
  | { readonly ref: "conclusion"; readonly job: string }
  | { readonly ref: "run"; readonly field: "id" | "pipeline" | "conclusion" }
  | AgentExpression;

/** What only the agent knows that runs the job; for keys of caches. */
export type AgentExpression =
  | { readonly ref: "agent"; readonly field: "os" | "arch" }
  /** A hash over the content of all files whose paths match. */
  | { readonly ref: "hash-files"; readonly patterns: readonly string[] };
