/** What is cached, as a list, and what follows from it. Pure. */

export interface CacheEntry {
  /** Entries of different scopes never meet. */
  readonly scope: string;
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly savedAtMs: number;
  /** Roughly: uses within `limits.cacheUseNotedMs` count as one. */
  readonly usedAtMs: number;
}

export interface CacheWanted {
  readonly scope: string;
  readonly key: string;
  /** Beginnings of keys, tried in this order; of each the newest entry. */
  readonly restoreKeys: readonly string[];
}

export interface CacheBounds {
  /** Of all scopes together; the same content counts once. */
  readonly bytesMax: number;
  readonly entriesMax: number;
}

/** The entry of the key itself, else of the first beginning that any has. */
export function foundIn(
  entries: readonly CacheEntry[],
  { scope, key, restoreKeys }: CacheWanted,
): CacheEntry | undefined {
  const own = entries.filter((entry) => entry.scope === scope);
  const exact = own.find((entry) => entry.key === key);
  if (exact !== undefined) return exact;
  for (const beginning of restoreKeys) {
    const newest = own
      .filter((entry) => entry.key.startsWith(beginning))
      .reduce<CacheEntry | undefined>(
        (best, entry) => (best === undefined || entry.savedAtMs >= best.savedAtMs ? entry : best),
        undefined,
      );
    if (newest !== undefined) return newest;
  }
  return undefined;
}

/** What must go so that the others fit: the longest unused first. */
export function overflowOf(
  entries: readonly CacheEntry[],
  { bytesMax, entriesMax }: CacheBounds,
): readonly CacheEntry[] {
  const newestFirst = entries.toSorted((a, b) => b.usedAtMs - a.usedAtMs);
  const stored = new Set<string>();
  let bytes = 0;
  let kept = 0;
  return newestFirst.filter((entry) => {
    const more = stored.has(entry.sha256) ? 0 : entry.bytes;
    if (kept >= entriesMax || bytes + more > bytesMax) return true;
    stored.add(entry.sha256);
    bytes += more;
    kept += 1;
    return false;
  });
}

/** Content of the dropped ones that none of the kept ones has. */
export function contentOnlyOf(
  dropped: readonly CacheEntry[],
  kept: readonly CacheEntry[],
): readonly string[] {
  const inUse = new Set(kept.map(({ sha256 }) => sha256));
  return [...new Set(dropped.map(({ sha256 }) => sha256))].filter((hash) => !inUse.has(hash));
}

export function isSameEntry(a: Pick<CacheEntry, "scope" | "key">, b: typeof a): boolean {
  return a.scope === b.scope && a.key === b.key;
}
