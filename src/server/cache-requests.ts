/**
 * What agents ask of caches, held against what the run says of the attempt: an agent can name only keys that its
 * job's definition allows, in the scope of its pipeline.
 */
import type {
  CacheName,
  FindCacheRequest,
  FindCacheResponse,
} from "../../proto/troupe/agent/v1/transfer.ts";
import { type Caches, cacheScope } from "../actors/caches/index.ts";
import { limits } from "../actors/kernel/index.ts";
import type {
  AttemptGrant,
  PreparedCache,
  PreparedCacheKey,
  StoredFile,
} from "../actors/workers/index.ts";

/** undefined = it may not ask that. */
export async function findCache(
  caches: Caches,
  grant: AttemptGrant,
  { cache: position, key, restoreKeys }: FindCacheRequest,
): Promise<FindCacheResponse | undefined> {
  const cache = grant.caches[position];
  if (cache === undefined || !fits(key, cache.key)) return undefined;
  const known = cache.restoreKeys;
  if (!restoreKeys.every((each) => known.some((template) => fits(each, template)))) {
    return undefined;
  }
  const entry = await caches.find({ scope: scopeOf(grant, cache), key, restoreKeys });
  if (entry === undefined) return { key: "", file: undefined };
  const { sha256, bytes } = entry;
  return { key: entry.key, file: { sha256, bytes, what: `the cache ${entry.key}` } };
}

/** May the attempt save under this key? */
export function mayUse({ caches }: AttemptGrant, { cache: position, key }: CacheName): boolean {
  const cache = caches[position];
  return cache !== undefined && fits(key, cache.key);
}

/** Content that the attempt's agent has just sent whole. False: there was one under this key. */
export function saveCache(
  caches: Caches,
  grant: AttemptGrant,
  { cache: position, key, sha256, bytes }: CacheName & StoredFile,
): Promise<boolean> {
  const cache = grant.caches[position];
  if (cache === undefined) return Promise.resolve(false);
  return caches.save({ scope: scopeOf(grant, cache), key, sha256, bytes });
}

/** May the attempt read this content? It was found for it, or could have been. */
export async function mayRead(
  caches: Caches,
  grant: AttemptGrant,
  sha256: string,
): Promise<boolean> {
  for (const cache of grant.caches) {
    if (await caches.holds(scopeOf(grant, cache), sha256)) return true;
  }
  return false;
}

function scopeOf({ pipeline }: AttemptGrant, { paths }: PreparedCache): string {
  return cacheScope(pipeline, paths);
}

/** Could the agent have made this of that? */
function fits(key: string, template: PreparedCacheKey): boolean {
  const bytes = Buffer.byteLength(key);
  if (bytes === 0 || bytes > limits.cacheKeyCharactersMax) return false;
  const pattern = template.map((part) => {
    if (typeof part === "string") return escaped(part);
    return "agent" in part ? "[a-z0-9_]{1,20}" : "[0-9a-f]{64}";
  });
  return new RegExp(`^(?:${pattern.join("")})$`, "su").test(key);
}

function escaped(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
