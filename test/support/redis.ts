/** Real Redis for tests: servers of the test file's own, to kill, freeze, fill and misconfigure. */
import { Redis } from "ioredis";
import { afterAll, beforeAll, onTestFinished } from "vitest";
import {
  type RedisClusterServers,
  type RedisServer,
  startRedis,
  startRedisCluster,
} from "../../scripts/services/redis-server.mjs";

/** A server that all tests of a file may share: that of `REDIS_URL`, else one of the file's own. */
export function redisServer(): { current(): Pick<RedisServer, "url" | "port"> } {
  const given = process.env["REDIS_URL"];
  if (given === undefined || given === "") return livesWithTheFile(() => startRedis());
  const port = Number(new URL(given).port || 6379);
  return { current: () => ({ url: given, port }) };
}

/** A cluster of three primaries that lives as long as the test file. */
export function redisCluster(): { current(): RedisClusterServers } {
  return livesWithTheFile(() => startRedisCluster());
}

function livesWithTheFile<T extends { stop(): Promise<void> }>(
  start: () => Promise<T>,
): { current(): T } {
  let started: T | undefined;
  beforeAll(async () => {
    started = await start();
  });
  afterAll(async () => {
    await started?.stop();
  });
  return {
    current() {
      if (started === undefined) throw new Error("Redis was used before it was started");
      return started;
    },
  };
}

/** A server for one test. */
export async function redisForTest(args: readonly string[] = []): Promise<RedisServer> {
  const server = await startRedis({ args });
  onTestFinished(() => server.stop());
  return server;
}

/** A client to look at the server from beside the store, for one test. */
export function redisClient(url: string): Redis {
  const client = new Redis(url);
  // Tests kill the server under it.
  client.on("error", () => {});
  onTestFinished(() => client.disconnect());
  return client;
}
