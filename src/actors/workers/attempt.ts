/**
 * One attempt of one job of one run: the unit of fencing. `attempt` only grows, and every report,
 * log chunk and result names it, so that what an old attempt says can be told from the current one.
 */
export interface AttemptKey {
  readonly runId: string;
  readonly job: string;
  /** From 1. */
  readonly attempt: number;
}

/** The key as one string, for maps: escaped, so that two attempts never share one. */
export function attemptId(key: AttemptKey): string {
  return `${encodeURIComponent(key.runId)}/${encodeURIComponent(key.job)}/${key.attempt}`;
}

/** What a worker says of an attempt that has ended. */
export interface AttemptResult {
  readonly outcome: AttemptOutcome;
  /** undefined = the process did not exit by itself, or never started. */
  readonly exitCode?: number;
  readonly signal?: string;
  readonly outputs: Readonly<Record<string, string>>;
  /** One plain sentence for a person, empty on success. */
  readonly reason: string;
  /** By the agent's clock; undefined = never started. */
  readonly startedAtMs?: number;
  readonly durationMs?: number;
  readonly usage?: JobUsage;
  /** What it leaves for the jobs after it: a gzipped tar, stored by now. */
  readonly artifacts?: StoredFile;
  /** Markdown for people, stored by now. */
  readonly summary?: StoredFile;
  /** The id of the commit that was checked out. */
  readonly commit?: string;
}

/** A file in the blob store, by its content. */
export interface StoredFile {
  readonly sha256: string;
  readonly bytes: number;
}

/** What an attempt used, its whole process tree together; 0 where its agent's machine does not count it. */
export interface JobUsage {
  readonly cpuMs: number;
  /** What a memory limit counts: pages of the processes, and of files that they read or wrote. */
  readonly memoryPeakBytes: number;
  /** Processes and threads at once. */
  readonly processesPeak: number;
  readonly readBytes: number;
  readonly writtenBytes: number;
}

/** What an attempt may use at most; what is not named is not limited. */
export interface JobLimits {
  readonly memoryBytes?: number;
  /** CPUs' worth of time; a part of one is a number below 1. */
  readonly cpus?: number;
  /** Processes and threads at once. */
  readonly processes?: number;
  /** Of its log: what it prints beyond is not kept, and a mark says so. */
  readonly logBytes?: number;
}

export type AttemptOutcome =
  | "succeeded"
  | "failed"
  | "timed-out"
  | "cancelled"
  /** The job could not be started at all (no such shell, a missing secret …). */
  | "error"
  /** The agent did not start it and never will (it drains, or is full): says nothing about the job. */
  | "declined";

/**
 * All that an agent needs to run an attempt: templates filled, secrets resolved. Made anew for each
 * delivery and dropped after it; it never reaches an event, a snapshot, a log line or an error.
 */
export interface PreparedAttempt {
  readonly attempt: AttemptKey;
  readonly pipeline: string;
  readonly script: string;
  readonly shell: string;
  readonly env: Readonly<Record<string, string>>;
  /** Variable name → value. */
  readonly secrets: Readonly<Record<string, string>>;
  /** Names that the job may write. */
  readonly outputs: readonly string[];
  /** undefined = no limit. */
  readonly timeoutMs?: number;
  readonly killGraceMs: number;
  /** When its agent cannot renew its lease. */
  readonly onDisconnect: "kill" | "continue";
  readonly workingDirectory?: string;
  readonly limits?: JobLimits;
  /** Brought before the inputs. */
  readonly checkout?: PreparedCheckout;
  /** Restored after the inputs. */
  readonly caches?: readonly PreparedCache[];
  /** Unpacked in this order before the script begins; `what` is for people. */
  readonly inputs?: readonly (StoredFile & { readonly what: string })[];
  /** What of its folder is kept as artifacts. */
  readonly artifacts?: readonly string[];
  readonly stdin?: string;
  readonly traceparent?: string;
}

/** A commit of a git repository. */
export interface PreparedCheckout {
  readonly repository: string;
  /** Empty = what the repository's HEAD names. */
  readonly ref: string;
  /** Commits of history; 0 = all. */
  readonly depth: number;
  readonly submodules: "none" | "direct" | "recursive";
  readonly path?: string;
  readonly username?: string;
  /** The secret's name and its value. */
  readonly token?: { readonly name: string; readonly value: string };
}

export interface PreparedCache {
  readonly key: PreparedCacheKey;
  /** Beginnings of keys. */
  readonly restoreKeys: readonly PreparedCacheKey[];
  readonly paths: readonly string[];
}

/** The parts in their order make the key; what is no text is filled in by the agent. */
export type PreparedCacheKey = readonly (
  | string
  | { readonly agent: "os" | "arch" }
  | { readonly hashFiles: readonly string[] }
)[];

/** What an attempt may do with files in the server's stores. */
export interface AttemptGrant {
  /** What it was given to begin with. */
  readonly given: readonly StoredFile[];
  /** Caches are kept apart by pipelines: those of others can be neither read nor written. */
  readonly pipeline: string;
  readonly caches: readonly PreparedCache[];
}
