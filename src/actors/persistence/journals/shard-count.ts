/** How many shards a journal may have, whatever keeps it. */
import { invalidOption } from "../../kernel/index.ts";

/** A record of the embedded log names its shard in two bytes, and a journal can be copied from one kind to another. */
const shardsMax = 65_535;

export function isShardCount(shards: unknown): shards is number {
  return Number.isInteger(shards) && (shards as number) >= 1 && (shards as number) <= shardsMax;
}

/** @throws TROUPE_OPTION_INVALID */
export function checkShardCount(shards: unknown): void {
  if (isShardCount(shards)) return;
  throw invalidOption("shards", `a whole number from 1 to ${shardsMax}`, shards);
}
