/** The services by the project's own scripts, which are not part of the build and lie where it started. */
import { pathToFileURL } from "node:url";
import type { KafkaCluster } from "../../scripts/services/kafka.mjs";
import type { RedisServer } from "../../scripts/services/redis-server.mjs";

type KafkaScript = typeof import("../../scripts/services/kafka.mjs");
type RedisScript = typeof import("../../scripts/services/redis-server.mjs");

export async function startServices(): Promise<{ cluster: KafkaCluster; redis: RedisServer }> {
  const folder = pathToFileURL(`${process.cwd()}/scripts/services/`).href;
  const { startKafka } = (await import(`${folder}kafka.mjs`)) as KafkaScript;
  const { startRedis } = (await import(`${folder}redis-server.mjs`)) as RedisScript;
  // One after the other: while Kafka formats its folders nothing else runs here.
  const cluster = await startKafka({ nodes: 3 });
  const redis = await startRedis();
  return { cluster, redis };
}
