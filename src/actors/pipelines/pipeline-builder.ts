/** The types of the builder: what a job may be given, and what it offers to the jobs after it. */
import type { JobLimits } from "../workers/index.ts";
import type { OnDisconnect, PipelineDefinition, Shell } from "./pipeline-definition.ts";
import type { ExpressionOf, Secret, ShellScript, TextTemplate } from "./sh.ts";

export type ParameterOptions = { readonly description?: string } & (
  | { readonly type: "string"; readonly default?: string; readonly required?: boolean }
  | { readonly type: "number"; readonly default?: number; readonly required?: boolean }
  | { readonly type: "boolean"; readonly default?: boolean; readonly required?: boolean }
  | {
      readonly type: "choice";
      readonly of: readonly string[];
      readonly default?: string;
      readonly required?: boolean;
    }
);

export type ParameterMap = Readonly<Record<string, ParameterOptions>>;

/** What a job reads: every value of a choice is known to the compiler. */
type ValueOf<P extends ParameterOptions> = P extends { readonly of: readonly (infer C)[] }
  ? C
  : P extends { readonly type: "number" }
    ? number
    : P extends { readonly type: "boolean" }
      ? boolean
      : string;

type MayBeLeftOut<P extends ParameterOptions> = P extends { readonly default: unknown }
  ? true
  : P extends { readonly required: false }
    ? true
    : false;

/** What a run of the pipeline is given: parameters with a default, or not required, may be left out. */
export type ParametersOf<P extends ParameterMap> = {
  readonly [N in keyof P as MayBeLeftOut<P[N]> extends true ? never : N]: ValueOf<P[N]>;
} & { readonly [N in keyof P as MayBeLeftOut<P[N]> extends true ? N : never]?: ValueOf<P[N]> };

/** A fixed value, or one that only the run will know. */
export type VariableValue = string | number | boolean | ExpressionOf<unknown> | TextTemplate;

export interface JobOptions<O extends string, F extends boolean> {
  /** Jobs that must have ended well before this one starts. A finally job may need finally jobs only. */
  readonly needs?: readonly Job<string, NoInfer<F>>[];
  /** A fixed text, or `sh` with values in it. */
  readonly run: string | ShellScript;
  /** Default `sh`. */
  readonly shell?: Shell;
  readonly env?: Readonly<Record<string, VariableValue | Secret>>;
  /** Names that the script may write to `$TROUPE_OUTPUT`. */
  readonly outputs?: readonly O[];
  /** An agent must have all of these. */
  readonly labels?: Readonly<Record<string, string>>;
  /** Per attempt. Default no limit. */
  readonly timeoutMs?: number;
  /** Between SIGTERM and SIGKILL. Default 10,000. */
  readonly killGraceMs?: number;
  readonly retry?: RetryOptions;
  /** Of all jobs and pipelines that name the same group, one is in progress at a time. */
  readonly concurrency?: ConcurrencyOptions;
  /** What an agent that cannot reach the server does with the job when its lease is over. Default `kill` in a concurrency group, else `continue`. */
  readonly onDisconnect?: OnDisconnect;
  /** A failure fails neither the run nor what needs this job. Default false. */
  readonly continueOnError?: boolean;
  /** Runs after all ordinary jobs, however they ended. Default false. */
  readonly finally?: F;
  /** -1,000 to 1,000, higher first. Default 0. */
  readonly priority?: number;
  readonly workingDirectory?: string;
  /** A git repository, or more about it: what is in it is there before the script begins. */
  readonly checkout?: CheckoutOptions;
  /** Files that a later run of this pipeline may begin with. One cache, or several. */
  readonly cache?: CacheOptions | readonly CacheOptions[];
  /** Files and folders of the attempt's own folder: jobs that need this one begin with them. */
  readonly artifacts?: readonly string[];
  /** What the script reads from standard input. Default nothing. */
  readonly stdin?: VariableValue;
  /** What each attempt may use at most, where its agent can enforce it. Default no limit. */
  readonly limits?: JobLimits;
  readonly description?: string;
}

/** The repository's address, or more. */
export type CheckoutOptions =
  | string
  | TextTemplate
  | {
      /** `https://…`, `ssh://…`, `git://…` or `git@host:path`. */
      readonly repository: VariableValue;
      /** A branch, a tag, a whole ref or a commit's id. Default what the repository's HEAD names. */
      readonly ref?: VariableValue;
      /** Commits of history. Default 1; 0 is all of it. */
      readonly depth?: number;
      /** `true` = its own, `recursive` = theirs too. Default false. */
      readonly submodules?: boolean | "recursive";
      /** A folder within the attempt's own. Default that folder itself. */
      readonly path?: string;
      /** The password, or token, over HTTP. It reaches git, and not the script. */
      readonly token?: Secret;
      /** Default `x-access-token`, which hosts take with a token. */
      readonly username?: string;
    };

export interface CacheOptions {
  /** What is kept under it is never replaced: `template\`npm-${pipeline.agent.os}-${hashFiles("package-lock.json")}\``. */
  readonly key: VariableValue;
  /** Beginnings of other keys, for when there is nothing under the key. Default none. */
  readonly restoreKeys?: readonly VariableValue[];
  /** Files and folders of the attempt's own folder. */
  readonly paths: readonly string[];
}

/** The group's name, or more. */
export type ConcurrencyOptions =
  | string
  | TextTemplate
  | {
      /** May hold parameters: `template\`deploy-${target}\``. */
      readonly group: VariableValue;
      /** A newcomer cancels those that are before it. Default false: it waits. */
      readonly cancelInProgress?: boolean;
    };

export interface RetryOptions {
  /** Attempts in all, the first one included. */
  readonly attemptsMax: number;
  /** Before the second attempt. Default 1,000. */
  readonly initialDelayMs?: number;
  /** Each pause is so many times the one before. Default 2. */
  readonly factor?: number;
  /** Default 60,000. */
  readonly delayMaxMs?: number;
}

/** A job of a pipeline that is being defined: to be named in `needs`, and read by later jobs. */
export interface Job<O extends string = string, F extends boolean = boolean> {
  readonly name: string;
  readonly outputs: { readonly [K in O]: ExpressionOf<string> };
  readonly conclusion: ExpressionOf<"succeeded" | "failed" | "skipped" | "cancelled">;
  /** Types only. */
  readonly "~finally"?: F;
}

export interface PipelineBuilder<P extends ParameterMap> {
  readonly parameters: { readonly [N in keyof P]: ExpressionOf<ValueOf<P[N]>> };
  readonly run: {
    readonly id: ExpressionOf<string>;
    readonly pipeline: ExpressionOf<string>;
    /** For finally jobs and outputs. */
    readonly conclusion: ExpressionOf<"succeeded" | "failed" | "cancelled">;
  };
  /** The agent that runs a job, for keys of caches. */
  readonly agent: { readonly os: ExpressionOf<string>; readonly arch: ExpressionOf<string> };
  job<const O extends string = never, const F extends boolean = false>(
    name: string,
    options: JobOptions<O, F>,
  ): Job<O, F>;
  secret(name: string): Secret;
}

export interface PipelineOptions<P extends ParameterMap> {
  readonly parameters?: P;
  /** For all jobs; a job's own variables win. */
  readonly env?: Readonly<Record<string, VariableValue>>;
  /** The run is cancelled after this long. Default no limit. */
  readonly timeoutMs?: number;
  /** Jobs at once. Default as many as there are slots. */
  readonly parallelMax?: number;
  /** The first failure stops the run. Default false. */
  readonly failFast?: boolean;
  /** Of all pipelines and jobs that name the same group, one is in progress at a time. */
  readonly concurrency?: ConcurrencyOptions;
}

export type OutputMap = Readonly<Record<string, VariableValue>>;

/** A pipeline that can be run. `P` and `O` are known to whoever starts it and reads its outputs. */
export interface Pipeline<P extends ParameterMap = ParameterMap, O extends OutputMap = OutputMap> {
  readonly name: string;
  /** Frozen plain data. */
  readonly definition: PipelineDefinition;
  /** Types only. */
  readonly "~parameters"?: P;
  /** Types only. */
  readonly "~outputs"?: O;
}

/** The typed outputs of a finished run. */
export type OutputsOf<P extends Pipeline> =
  P extends Pipeline<ParameterMap, infer O> ? { readonly [K in keyof O]: string } : never;
