/** Which entries a person means. Pure. */
import { type CacheEntry, contentOnlyOf } from "./cache-entries.ts";
import { pipelineOfScope } from "./cache-scope.ts";

export interface CacheChoice {
  /** undefined = of every pipeline. */
  readonly pipeline?: string;
  /** undefined = whatever their key. One key may name several: of other pipelines, or of other paths. */
  readonly keys?: readonly string[];
}

export function chosenOf(
  entries: readonly CacheEntry[],
  { pipeline, keys }: CacheChoice,
): readonly CacheEntry[] {
  const wanted = keys === undefined ? undefined : new Set(keys);
  return entries.filter(
    ({ scope, key }) =>
      (pipeline === undefined || pipelineOfScope(scope) === pipeline) &&
      (wanted === undefined || wanted.has(key)),
  );
}

/** Keys that name none of the chosen entries. */
export function unknownKeysOf(
  chosen: readonly CacheEntry[],
  { keys = [] }: CacheChoice,
): readonly string[] {
  const known = new Set(chosen.map(({ key }) => key));
  return [...new Set(keys)].filter((key) => !known.has(key));
}

/** What they take in the store: the same content counts once. */
export function storedBytesOf(entries: readonly CacheEntry[]): number {
  const bytesOf = new Map(entries.map(({ sha256, bytes }) => [sha256, bytes]));
  return [...bytesOf.values()].reduce((sum, bytes) => sum + bytes, 0);
}

/** How much room there is when the dropped ones are gone. */
export function freedBytesOf(dropped: readonly CacheEntry[], kept: readonly CacheEntry[]): number {
  const gone = new Set(contentOnlyOf(dropped, kept));
  return storedBytesOf(dropped.filter(({ sha256 }) => gone.has(sha256)));
}
