/**
 * How many shards the journal on a topic has. Its id is in the partition behind the last shard, and says so itself:
 * partitions that were added to the topic later are empty and are left alone, because which shard an actor belongs to
 * must never change.
 */
import type { ClusterLink } from "./cluster-link.ts";
import { unusable } from "./journal-identity.ts";
import { PartitionReader } from "./partition-reader.ts";

/** Enough for the first record of any of them. */
const readBytes = 1;

/** As many as the id says; one less than partitions while there is none. @throws TROUPE_JOURNAL_UNUSABLE */
export async function shardCountOf(
  link: ClusterLink,
  { topic, partitions, wanted }: { topic: string; partitions: number; wanted: number | undefined },
): Promise<number> {
  const shards = await countByIdentity(link, topic, partitions);
  if (wanted === undefined || wanted === shards) return shards;
  throw unusable(link, `it has ${shards} shards for life, and ${wanted} were asked for`);
}

async function countByIdentity(
  link: ClusterLink,
  topic: string,
  partitions: number,
): Promise<number> {
  const reader = new PartitionReader(link, topic);
  for (let partition = partitions - 1; partition > 0; partition--) {
    const { low, end } = await reader.extent(partition);
    if (end === 0) continue;
    const [first] = low === 0 ? await reader.records(partition, 0, readBytes) : [];
    return first !== undefined && shardsIn(first.bytes) === partition ? partition : partitions - 1;
  }
  return partitions - 1;
}

/** undefined = it is no journal's id; who reads it as one says what is wrong with it. */
function shardsIn(bytes: Uint8Array): number | undefined {
  try {
    const fields: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
    return Number((fields as { shards?: unknown } | null)?.shards);
  } catch {
    return undefined;
  }
}
