/** The stores that are measured upon, started by the project's own scripts, which are not part of the build. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Durability } from "../suite.ts";
import type { StoreAddress } from "./contender.ts";

type KafkaScript = typeof import("../../scripts/services/kafka.mjs");
type RedisScript = typeof import("../../scripts/services/redis-server.mjs");

export interface Store {
  readonly name: string;
  readonly durability: Durability;
  readonly address: StoreAddress;
  stop(): Promise<void>;
}

function script<T>(name: string): Promise<T> {
  return import(pathToFileURL(`${process.cwd()}/scripts/services/${name}.mjs`).href) as Promise<T>;
}

/** Each batch is synced before its answers. */
export async function embeddedStore(): Promise<Store> {
  const dataDir = await mkdtemp(join(tmpdir(), "troupe-bench-"));
  return {
    name: "embedded",
    durability: "fsync",
    address: { kind: "embedded", dataDir },
    stop: () => rm(dataDir, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** One broker answers from its memory: what it has survives a process, not the machine. Three copy first. */
export async function kafkaStore(nodes: 1 | 3): Promise<Store> {
  const { startKafka } = await script<KafkaScript>("kafka");
  const cluster = await startKafka({ nodes });
  const brokers = cluster.address.split(",");
  return {
    name: `Kafka RF ${nodes}`,
    durability: nodes === 1 ? "process" : "replicated",
    address: { kind: "kafka", brokers, replicationFactor: nodes },
    stop: () => cluster.stop(),
  };
}

/** The append-only file is synced before each answer. */
export async function redisStore(): Promise<Store> {
  const { startRedis } = await script<RedisScript>("redis-server");
  const server = await startRedis({ args: ["--appendfsync", "always"] });
  return {
    name: "Redis",
    durability: "fsync",
    address: { kind: "redis", redisUrl: server.url },
    stop: () => server.stop(),
  };
}
