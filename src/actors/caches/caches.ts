/**
 * What jobs keep for later runs: content in a blob store of its own, named by the index.
 *
 *   H1. An entry is never replaced: what is under a key is what was saved there first.
 *   H2. A cache may vanish at any time. An entry whose content is gone is dropped when it is looked for.
 *   H3. Content is deleted when no entry names it; what a crash leaves over, when it is a day old.
 */
import { type BlobStore, contentKey } from "../blobs/index.ts";
import { type Clock, type Logger, limits, TroupeError } from "../kernel/index.ts";
import type { CacheChoice } from "./cache-choice.ts";
import type { CacheBounds, CacheEntry, CacheWanted } from "./cache-entries.ts";
import type { CacheIndexHandle, CacheRemoval, NewCacheEntry } from "./cache-index.ts";

export interface CachesOptions {
  /** For caches alone: whatever else is in it is deleted. */
  readonly blobs: BlobStore;
  readonly index: () => CacheIndexHandle;
  /** All of them together, in bytes. */
  readonly bytesMax: number;
  /** An entry that nobody has used for so long is deleted, in ms. */
  readonly unusedMs: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class Caches {
  readonly blobs: BlobStore;
  /** Of one. */
  readonly bytesMax: number;
  /** Of all of them. */
  readonly storedBytesMax: number;
  readonly #options: CachesOptions;

  constructor(options: CachesOptions) {
    this.#options = options;
    this.blobs = options.blobs;
    this.storedBytesMax = options.bytesMax;
    this.bytesMax = Math.min(options.bytesMax, limits.blobBytesMax);
  }

  /** undefined = there is none. */
  async find(wanted: CacheWanted): Promise<CacheEntry | undefined> {
    const index = this.#options.index();
    for (;;) {
      const entry = await index.find(wanted);
      if (entry === undefined) return undefined;
      const stat = await this.blobs.stat(contentKey(entry.sha256));
      if (stat?.bytes === entry.bytes) return entry;
      await index.drop(entry);
    }
  }

  /** False: there was one under this key. Throws `TROUPE_BLOB_NOT_FOUND` for content that was not put before. */
  async save(entry: NewCacheEntry): Promise<boolean> {
    const key = contentKey(entry.sha256);
    const stat = await this.blobs.stat(key);
    if (stat?.bytes !== entry.bytes) throw new TroupeError("TROUPE_BLOB_NOT_FOUND", { key });
    const { saved, unnamed } = await this.#options.index().save(entry, this.#bounds);
    await this.#delete(unnamed);
    return saved;
  }

  /** May whoever works in that scope read this content? */
  holds(scope: string, sha256: string): Promise<boolean> {
    return this.#options.index().holds(scope, sha256);
  }

  list(): Promise<readonly CacheEntry[]> {
    return this.#options.index().list();
  }

  /**
   * Deletes what a person has chosen, as eviction does: first no entry names the content, then it goes. Who is reading it
   * reads on where the store can, and else does without (H2).
   */
  async remove(choice: CacheChoice): Promise<Omit<CacheRemoval, "unnamed">> {
    const { unnamed, ...removal } = await this.#options.index().remove(choice);
    await this.#delete(unnamed);
    const { removed, freedBytes } = removal;
    if (removed > 0) this.#options.logger.info("caches were deleted", { removed, freedBytes });
    return removal;
  }

  /** Deletes what is too old or too much, and what nobody names. */
  async sweep(): Promise<void> {
    const { clock, unusedMs, logger, index } = this.#options;
    const nowMs = clock.nowMs();
    const unnamed = await index().expire(nowMs - unusedMs, this.#bounds);
    await this.#delete(unnamed);
    if (unnamed.length > 0) logger.info("old caches were deleted", { deleted: unnamed.length });
    await this.blobs.dropUploads(nowMs - limits.uploadKeptMs);
    await this.#deleteLost(nowMs - limits.uploadKeptMs);
  }

  get #bounds(): CacheBounds {
    return { bytesMax: this.storedBytesMax, entriesMax: limits.cacheEntriesMax };
  }

  /** H3. */
  async #deleteLost(beforeMs: number): Promise<void> {
    const lost: string[] = [];
    const named = new Set((await this.#options.index().content()).map(contentKey));
    for await (const { key, changedAtMs } of this.blobs.list("sha256/")) {
      if (changedAtMs < beforeMs && !named.has(key)) lost.push(key);
    }
    for (const key of lost) await this.blobs.delete(key);
  }

  async #delete(hashes: readonly string[]): Promise<void> {
    for (const sha256 of hashes) await this.blobs.delete(contentKey(sha256));
  }
}
