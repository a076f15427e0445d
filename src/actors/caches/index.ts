export { type CacheChoice, chosenOf, storedBytesOf } from "./cache-choice.ts";
export type { CacheBounds, CacheEntry, CacheWanted } from "./cache-entries.ts";
export { contentOnlyOf, foundIn, overflowOf } from "./cache-entries.ts";
export { CacheIndex, cacheIndexId, type NewCacheEntry } from "./cache-index.ts";
export { cacheScope, pipelineOfScope } from "./cache-scope.ts";
export { Caches, type CachesOptions } from "./caches.ts";
