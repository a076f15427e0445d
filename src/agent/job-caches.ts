/**
 * What a job finds again of earlier runs, and leaves for later ones. Boundary: says in the log what it does; never
 * fails a job.
 *
 *   C1. Only what a cache names comes out of it: nothing else in the workspace is touched.
 *   C2. Its key is made once, before the script, and it is saved under that key.
 *   C3. An archive is unpacked aside first: one that is refused has put nothing into the workspace.
 */
import { lstat, mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Assignment, AttemptRef, Cache } from "../../proto/troupe/agent/v1/agent.ts";
import type { AttemptFolder } from "./attempt-folder.ts";
import { CacheKeyProblem, cacheKey } from "./cache-key.ts";
import type { AgentClock } from "./clock.ts";
import { durationText } from "./duration-text.ts";
import { TooManyFilesError } from "./hash-files.ts";
import { sizeText } from "./job-limits.ts";
import { agentLimits } from "./limits.ts";
import { packArchive } from "./pack-archive.ts";
import { type FoundCache, TransferStoppedError, type Transfers } from "./transfers.ts";
import { unpackArchive } from "./unpack-archive.ts";

export interface JobCachesOptions {
  readonly assignment: Assignment;
  readonly folder: AttemptFolder;
  readonly transfers: Transfers;
  readonly clock: AgentClock;
  /** Is the job being stopped? */
  readonly stopped: AbortSignal;
  readonly remark: (text: string) => void;
}

interface Keyed {
  readonly cache: Cache;
  readonly position: number;
  readonly key: string;
}

export class JobCaches {
  readonly #options: JobCachesOptions;
  /** Those to be saved: nothing was found under their key. */
  readonly #missed: Keyed[] = [];

  constructor(options: JobCachesOptions) {
    this.#options = options;
  }

  /** Throws `TransferStoppedError` when the job is stopped meanwhile, and nothing else. */
  async restore(): Promise<void> {
    for (const [position, cache] of this.#options.assignment.caches.entries()) {
      await this.#neverFailing("not used", async () => {
        const keyed = { cache, position, key: await this.#keyOf(cache.key) };
        const restoreKeys: string[] = [];
        for (const each of cache.restoreKeys) {
          const key = await this.#keyOf(each).catch(nothingFor);
          if (key !== undefined) restoreKeys.push(key);
        }
        await this.#restoreOne(keyed, restoreKeys);
      });
    }
  }

  /** After the job has succeeded. Never throws. */
  async save(): Promise<void> {
    for (const keyed of this.#missed) {
      try {
        await this.#neverFailing("not saved", () => this.#saveOne(keyed));
      } catch (error) {
        // The job has ended well; only its caches are given up.
        if (!(error instanceof TransferStoppedError)) throw error;
        this.#options.remark("the cache is not saved: the job was stopped");
      }
    }
  }

  async #restoreOne(keyed: Keyed, restoreKeys: readonly string[]): Promise<void> {
    const { transfers, remark } = this.#options;
    const { key, position: cache } = keyed;
    const question = { attempt: this.#attempt, cache, key, restoreKeys };
    // It is saved at the end whatever comes of this.
    this.#missed.push(keyed);
    const found = await this.#within(agentLimits.cacheAnswerMs, (stopped) =>
      transfers.findCache(question, stopped),
    );
    if (found === undefined) return remark(`cache ${key}: missed`);
    await this.#bring(found, keyed);
    const size = sizeText(found.file.bytes);
    if (found.key !== key) return remark(`cache ${key}: missed, restored ${found.key} (${size})`);
    this.#missed.pop();
    remark(`cache ${key}: hit, restored (${size})`);
  }

  async #bring({ file: archive }: FoundCache, { cache, position }: Keyed): Promise<void> {
    const { folder, transfers } = this.#options;
    const file = folder.file(`cache-${position}.tgz`);
    const aside = folder.file(`cache-${position}`);
    try {
      await this.#within(agentLimits.cacheTransferMs, (stopped) =>
        transfers.fetch(this.#attempt, { ...archive, cache: true }, file, stopped),
      );
      await unpackProven(file, { aside, folder: folder.workspace, paths: cache.paths });
    } finally {
      await rm(file, { force: true });
      await rm(aside, { recursive: true, force: true });
    }
  }

  async #saveOne({ cache, position, key }: Keyed): Promise<void> {
    const { folder, transfers, remark } = this.#options;
    const absent = new Set(await absentOf(folder.workspace, cache.paths));
    const paths = cache.paths.filter((path) => !absent.has(join(folder.workspace, path)));
    if (paths.length === 0) return remark(`cache ${key}: not saved, as nothing of it is there`);
    const file = folder.file(`cache-${position}.tgz`);
    try {
      const { sha256, bytes } = await packArchive({ folder: folder.workspace, paths, file });
      const start = { attempt: this.#attempt, sha256, bytes, cache: { cache: position, key } };
      const saved = await this.#within(agentLimits.cacheTransferMs, (stopped) =>
        transfers.store(start, file, stopped),
      );
      const other = "not saved, as another job has saved it meanwhile";
      remark(`cache ${key}: ${saved ? `saved (${sizeText(bytes)})` : other}`);
    } finally {
      await rm(file, { force: true });
    }
  }

  #keyOf(key: Cache["key"]): Promise<string> {
    const { folder, stopped } = this.#options;
    return cacheKey(key ?? { parts: [] }, folder.workspace, stopped);
  }

  get #attempt(): AttemptRef {
    return this.#options.assignment.attempt as AttemptRef;
  }

  /** Whatever goes wrong is a remark; only a stop of the job goes on. */
  async #neverFailing(outcome: string, work: () => Promise<void>): Promise<void> {
    const { stopped, remark } = this.#options;
    try {
      await work();
    } catch (error) {
      if (stopped.aborted) throw new TransferStoppedError();
      const isOurs = error instanceof CacheKeyProblem || error instanceof TooManyFilesError;
      const what = isOurs ? error.message : (error as Error).message || "it could not be brought";
      remark(`the cache is ${outcome}: ${what}`);
    }
  }

  /** Gives up after `mostMs`. */
  async #within<T>(mostMs: number, work: (stopped: AbortSignal) => Promise<T>): Promise<T> {
    const { clock, stopped } = this.#options;
    const late = new AbortController();
    const timer = clock.setTimer(mostMs, () => late.abort());
    try {
      return await work(AbortSignal.any([stopped, late.signal]));
    } catch (error) {
      if (!late.signal.aborted || stopped.aborted) throw error;
      throw new Error(`the server took longer than ${durationText(mostMs)}`, { cause: error });
    } finally {
      timer.cancel();
    }
  }
}

interface UnpackPlaces {
  readonly aside: string;
  readonly folder: string;
  readonly paths: readonly string[];
}

/** C3. Moved where nothing is in the way, which is usual; else unpacked over what is there. */
async function unpackProven(file: string, { aside, folder, paths }: UnpackPlaces): Promise<void> {
  await mkdir(aside, { mode: 0o700 });
  await unpackArchive(file, aside, paths);
  const names = await readdir(aside);
  if ((await absentOf(folder, names)).length < names.length) {
    await unpackArchive(file, folder, paths);
    return;
  }
  for (const name of names) await rename(join(aside, name), join(folder, name));
}

/** A beginning of keys that cannot be made begins nothing. */
function nothingFor(error: unknown): undefined {
  if (!(error instanceof CacheKeyProblem)) throw error;
}

/** The paths of these that are not there. */
async function absentOf(folder: string, paths: readonly string[]): Promise<string[]> {
  const absent: string[] = [];
  for (const path of paths) {
    const at = join(folder, path);
    try {
      await lstat(at);
    } catch {
      absent.push(at);
    }
  }
  return absent;
}
