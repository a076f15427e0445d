import type { Journal } from "../../../actors/persistence/index.ts";
import { UsageError } from "../../usage-error.ts";

/** The one shard of `--shard`, if the journal has it; undefined = all. */
export function shardsOf(journal: Journal, shard: number | undefined): number[] | undefined {
  if (shard === undefined) return undefined;
  if (shard < journal.shards) return [shard];
  throw new UsageError(`--shard must be below ${journal.shards}, the journal's number of shards`);
}
