/** Three brokers and a Redis, each of which is killed in its turn, and the writer with them. */
import { Redis } from "ioredis";
import type { KafkaCluster } from "../../scripts/services/kafka.mjs";
import type { RedisServer } from "../../scripts/services/redis-server.mjs";
import { openKafkaJournal } from "../../src/actors/persistence/journals/index.ts";
import { copiesInSync } from "../support/in-sync-copies.ts";
import { Lane, type LaneOptions } from "./lane.ts";
import type { Harm, Run } from "./run.ts";

const topic = "bank";
const shards = 8;

export function kafkaRun(
  options: Omit<LaneOptions, "name" | "store">,
  { cluster, redis }: { readonly cluster: KafkaCluster; readonly redis: RedisServer },
): Run {
  const brokers = cluster.address.split(",");
  const store = { kind: "kafka", shards, brokers, topic, redisUrl: redis.url } as const;
  const lane = new Lane({ ...options, name: "kafka", store });
  const brokerKilled = (number: number): Harm => ({
    kind: `broker ${number} killed`,
    async does() {
      const node = cluster.nodes[number - 1];
      if (node === undefined) throw new Error(`there is no broker ${number}`);
      lane.kills++;
      await node.kill();
      // Now and then the writer goes with it, and comes back to two brokers.
      if (lane.random.below(3) === 0) await lane.killBank();
      await lane.flows();
      node.start();
      await cluster.ready();
      await copiesInSync(brokers, topic);
    },
  });
  const deck: readonly Harm[] = [
    { kind: "writer killed", does: () => lane.killBank() },
    { kind: "writer frozen and deposed", does: () => lane.takeOver() },
    {
      kind: "Redis killed",
      async does() {
        lane.kills++;
        await redis.kill();
        await lane.flows();
        await redis.start();
      },
    },
    {
      kind: "Redis wiped, writer killed",
      async does() {
        await wipe(redis.url);
        await lane.killBank();
      },
    },
    brokerKilled(1),
    brokerKilled(2),
    brokerKilled(3),
  ];
  return {
    lane,
    deck,
    journal: () => openKafkaJournal({ brokers, topic, shards, createTopic: false }),
    async stop() {
      await lane.stop();
      await Promise.all([cluster.stop(), redis.stop()]);
    },
  };
}

async function wipe(url: string): Promise<void> {
  const client = new Redis(url);
  try {
    await client.flushall();
  } finally {
    client.disconnect();
  }
}
