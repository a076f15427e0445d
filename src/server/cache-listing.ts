/** What people ask about caches: which there are, and that some go. */
import type {
  CacheView,
  DeleteCachesRequest,
  DeleteCachesResponse,
  ListCachesRequest,
  ListCachesResponse,
} from "../../proto/troupe/control/v1/control.ts";
import {
  type CacheChoice,
  type CacheEntry,
  type Caches,
  chosenOf,
  pipelineOfScope,
  storedBytesOf,
} from "../actors/caches/index.ts";
import { TroupeError } from "../actors/kernel/index.ts";

export interface CacheServices {
  readonly caches: Pick<Caches, "list" | "remove" | "storedBytesMax">;
}

const cachesListed = 50;

export async function listCaches(
  { caches }: CacheServices,
  { pipeline, limit }: ListCachesRequest,
): Promise<ListCachesResponse> {
  const chosen = chosenOf(await caches.list(), ofPipeline(pipeline));
  // Of those used at the same time, the one that was saved last.
  const lastUsedFirst = chosen.toReversed().sort((a, b) => b.usedAtMs - a.usedAtMs);
  return {
    caches: lastUsedFirst.slice(0, limit || cachesListed).map(cacheView),
    cachesTotal: chosen.length,
    storedBytes: storedBytesOf(chosen),
    bytesMax: caches.storedBytesMax,
  };
}

export async function deleteCaches(
  { caches }: CacheServices,
  { pipeline, keys, all }: DeleteCachesRequest,
): Promise<DeleteCachesResponse> {
  const problem = problemOf({ pipeline, keys, all });
  if (problem !== undefined) {
    throw new TroupeError("TROUPE_REQUEST_INVALID", { request: "deleteCaches", problem });
  }
  const of = ofPipeline(pipeline);
  const { removed, freedBytes, unknownKeys } = await caches.remove(all ? of : { ...of, keys });
  if (unknownKeys.length > 0) {
    throw new TroupeError("TROUPE_CACHE_NOT_FOUND", { keys: unknownKeys, ...of });
  }
  return { deleted: removed, freedBytes };
}

/** An empty list must never be read as all. */
function problemOf({ pipeline, keys, all }: DeleteCachesRequest): string | undefined {
  if (all && keys.length > 0) return "expected keys or `all`, got both";
  if (all && pipeline === "") return "`all` wants the name of a pipeline";
  return all || keys.length > 0 ? undefined : "expected keys, or a pipeline with `all`";
}

function ofPipeline(pipeline: string): Pick<CacheChoice, "pipeline"> {
  return pipeline === "" ? {} : { pipeline };
}

function cacheView({ scope, key, bytes, savedAtMs, usedAtMs, sha256 }: CacheEntry): CacheView {
  return { pipeline: pipelineOfScope(scope), key, bytes, savedAtMs, usedAtMs, sha256 };
}
