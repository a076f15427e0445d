/**
 * Which content is cached under which key: one persistent actor, because content is shared by all scopes, and what
 * nobody's entry names any more must be known in one place. It holds at most `limits.cacheEntriesMax` entries.
 */
import { limits } from "../kernel/index.ts";
import { definePersistentActor } from "../persistence/index.ts";
import { type CacheChoice, chosenOf, freedBytesOf, unknownKeysOf } from "./cache-choice.ts";
import {
  type CacheBounds,
  type CacheEntry,
  type CacheWanted,
  contentOnlyOf,
  foundIn,
  isSameEntry,
  overflowOf,
} from "./cache-entries.ts";

interface CacheList {
  /** In the order in which they were saved. */
  readonly entries: readonly CacheEntry[];
}

type EntryKey = Pick<CacheEntry, "scope" | "key">;

/** What came of a removal. */
export interface CacheRemoval {
  readonly removed: number;
  readonly freedBytes: number;
  /** Keys of the choice that nothing has. One is enough: then nothing was removed. */
  readonly unknownKeys: readonly string[];
  /** Content that may be deleted now. */
  readonly unnamed: readonly string[];
}

export type NewCacheEntry = Omit<CacheEntry, "savedAtMs" | "usedAtMs">;

export const CacheIndex = definePersistentActor("cache-index", {
  initialState: (): CacheList => ({ entries: [] }),
  snapshot: { everyEvents: 1_000 },
})
  .events({
    saved: ({ entries }, entry: CacheEntry): CacheList => ({ entries: [...entries, entry] }),
    used: ({ entries }, { scope, key, atMs }: EntryKey & { atMs: number }): CacheList => ({
      entries: entries.map((entry) =>
        isSameEntry(entry, { scope, key }) ? { ...entry, usedAtMs: atMs } : entry,
      ),
    }),
    dropped: ({ entries }, { keys }: { keys: readonly EntryKey[] }): CacheList => ({
      entries: entries.filter((entry) => !keys.some((key) => isSameEntry(entry, key))),
    }),
  })
  .commands({
    find: (index, wanted: CacheWanted): CacheEntry | undefined => {
      const entry = foundIn(index.state.entries, wanted);
      const nowMs = index.now.getTime();
      if (entry !== undefined && nowMs - entry.usedAtMs >= limits.cacheUseNotedMs) {
        index.persist("used", { scope: entry.scope, key: entry.key, atMs: nowMs });
      }
      return entry;
    },

    /** The first to come wins. `unnamed` is content that may be deleted now. */
    save: (
      index,
      entry: NewCacheEntry,
      bounds: CacheBounds,
    ): { readonly saved: boolean; readonly unnamed: readonly string[] } => {
      const { entries } = index.state;
      if (entries.some((known) => isSameEntry(known, entry))) return { saved: false, unnamed: [] };
      const atMs = index.now.getTime();
      const added = { ...entry, savedAtMs: atMs, usedAtMs: atMs };
      const dropped = overflowOf([added, ...entries.toReversed()], bounds);
      if (dropped.length > 0) index.persist("dropped", { keys: keysOf(dropped) });
      index.persist("saved", added);
      return { saved: true, unnamed: contentOnlyOf(dropped, index.state.entries) };
    },

    /** Its content is gone. */
    drop: (index, { scope, key, sha256 }: CacheEntry): void => {
      const known = index.state.entries.find((entry) => isSameEntry(entry, { scope, key }));
      if (known?.sha256 === sha256) index.persist("dropped", { keys: [{ scope, key }] });
    },

    /** Drops what was not used since, and what does not fit; returns content that may be deleted now. */
    expire: (index, unusedSinceMs: number, bounds: CacheBounds): readonly string[] => {
      const { entries } = index.state;
      const old = entries.filter(({ usedAtMs }) => usedAtMs < unusedSinceMs);
      const rest = entries.filter((entry) => !old.includes(entry));
      const dropped = [...old, ...overflowOf(rest, bounds)];
      if (dropped.length === 0) return [];
      index.persist("dropped", { keys: keysOf(dropped) });
      return contentOnlyOf(dropped, index.state.entries);
    },

    /** Drops what a person has chosen: all of it, or nothing where a key is unknown. */
    remove: (index, choice: CacheChoice): CacheRemoval => {
      const dropped = chosenOf(index.state.entries, choice);
      const unknownKeys = unknownKeysOf(dropped, choice);
      if (dropped.length === 0 || unknownKeys.length > 0) {
        return { removed: 0, freedBytes: 0, unknownKeys, unnamed: [] };
      }
      index.persist("dropped", { keys: keysOf(dropped) });
      const { entries: kept } = index.state;
      const freedBytes = freedBytesOf(dropped, kept);
      const unnamed = contentOnlyOf(dropped, kept);
      return { removed: dropped.length, freedBytes, unknownKeys, unnamed };
    },

    list: ({ state }): readonly CacheEntry[] => state.entries,

    /** Is this the content of an entry of that scope? */
    holds: ({ state }, scope: string, sha256: string): boolean =>
      state.entries.some((entry) => entry.scope === scope && entry.sha256 === sha256),

    /** All content that an entry names. */
    content: ({ state }): readonly string[] => [
      ...new Set(state.entries.map(({ sha256 }) => sha256)),
    ],
  });

export type CacheIndexHandle = InstanceType<(typeof CacheIndex)["Handle"]>;

/** There is one index. */
export const cacheIndexId = "all";

function keysOf(entries: readonly CacheEntry[]): readonly EntryKey[] {
  return entries.map(({ scope, key }) => ({ scope, key }));
}
