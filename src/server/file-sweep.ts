/**
 * Removes files of jobs (artifacts, workspaces, summaries) that have had their time, counted from when they were last
 * stored: each put of the same content counts anew.
 *
 *  F1. What a run holds that has not ended stays, however old.
 *  F2. What is being stored or named while the sweep goes on stays.
 */
import { type BlobStore, contentBlobs, contentKey } from "../actors/blobs/index.ts";
import { type Logger, TroupeError } from "../actors/kernel/index.ts";
import type { Runs } from "../actors/pipelines/index.ts";
import type { RetentionMarks } from "./retention-marks.ts";

export interface FileRetention {
  /** In ms. Default: files are kept. */
  readonly ageMsMax?: number;
}

export interface FileSweepOptions {
  readonly blobs: Pick<BlobStore, "list" | "stat" | "delete">;
  readonly runs: Pick<Runs, "ongoing" | "files">;
  readonly retention: FileRetention;
  readonly inUse: FilesInUse;
  readonly marks: Pick<RetentionMarks, "raise">;
  readonly logger: Logger;
}

/** F2: who stores or names a file says so as long as he does. */
export class FilesInUse {
  readonly #now = new Map<string, number>();
  #seen = new Set<string>();

  async during<T>(sha256: string, work: () => Promise<T>): Promise<T> {
    this.#now.set(sha256, (this.#now.get(sha256) ?? 0) + 1);
    this.#seen.add(sha256);
    try {
      return await work();
    } finally {
      const left = (this.#now.get(sha256) ?? 1) - 1;
      if (left > 0) this.#now.set(sha256, left);
      else this.#now.delete(sha256);
    }
  }

  /** From here on `sees` tells of all that is used, also of what is left again. */
  look(): void {
    this.#seen = new Set(this.#now.keys());
  }

  sees(sha256: string): boolean {
    return this.#seen.has(sha256);
  }
}

function latest(times: Iterable<number>): number {
  let most = 0;
  for (const atMs of times) most = Math.max(most, atMs);
  return most;
}

export class FileSweep {
  readonly #options: FileSweepOptions;

  /** Throws `TROUPE_OPTION_INVALID`. */
  constructor(options: FileSweepOptions) {
    const { ageMsMax = 0 } = options.retention;
    if (!(ageMsMax >= 0)) {
      const details = {
        option: "fileRetention.ageMsMax",
        expected: "0 or more",
        got: String(ageMsMax),
      };
      throw new TroupeError("TROUPE_OPTION_INVALID", details);
    }
    this.#options = options;
  }

  /** Resolves to how many went. */
  async expire(nowMs: number): Promise<number> {
    const { blobs, retention, inUse, marks, logger } = this.#options;
    if (retention.ageMsMax === undefined) return 0;
    const beforeMs = nowMs - retention.ageMsMax;
    const isOld = ({ changedAtMs }: { readonly changedAtMs: number }) => changedAtMs < beforeMs;
    const old = new Map<string, number>();
    for await (const blob of blobs.list(contentBlobs)) {
      if (isOld(blob)) old.set(blob.key, blob.changedAtMs);
    }
    if (old.size === 0) return 0;
    inUse.look();
    for (const key of await this.#held()) old.delete(key);
    if (old.size === 0) return 0;
    await marks.raise("files", latest(old.values()));
    let removed = 0;
    for (const key of old.keys()) {
      const now = await blobs.stat(key);
      if (now === undefined || !isOld(now) || inUse.sees(key.slice(contentBlobs.length))) continue;
      await blobs.delete(key);
      removed++;
    }
    if (removed > 0) logger.info("old files of jobs were deleted", { deleted: removed });
    return removed;
  }

  /** F1. */
  async #held(): Promise<Set<string>> {
    const { runs } = this.#options;
    const held = new Set<string>();
    for (const runId of await runs.ongoing()) {
      for (const { sha256 } of (await runs.files(runId)).files) held.add(contentKey(sha256));
    }
    return held;
  }
}
