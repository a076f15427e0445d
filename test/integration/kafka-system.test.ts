/** A system on Kafka and Redis by address, as a user writes it. */
import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { createSystem, definePersistentActor, type System, silentLogger } from "../../src/index.ts";
import { kafkaBrokers } from "../support/kafka.ts";
import { redisClient, redisForTest } from "../support/redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const { brokers } = kafkaBrokers();

const Counter = definePersistentActor("counter", {
  initialState: () => ({ n: 0 }),
  snapshot: { everyEvents: 10 },
})
  .events({ added: (state, by: number) => ({ n: state.n + by }) })
  .commands({
    add: (counter, by: number) => counter.persist("added", by),
    get: (counter) => counter.state.n,
  });

it("keeps its actors over its lives, with Redis filled, wiped, and away", async () => {
  const redis = await redisForTest();
  const client = redisClient(redis.url);
  const kafka = { brokers, topic: `system-${randomUUID()}`, replicationFactor: 1 };
  const live = async (life: (system: System) => Promise<void>): Promise<void> => {
    await using system = await createSystem({
      name: "shop",
      shards: 4,
      kafka,
      redis: { url: redis.url, timeoutMs: 1_000 },
      definitions: [Counter],
      logger: silentLogger,
    });
    await life(system);
  };
  const addTwelve = async (system: System): Promise<void> => {
    for (let n = 0; n < 12; n++) await system.actor(Counter, "x").add(1);
  };
  await live(async (system) => {
    await addTwelve(system);
    await waitUntil("a snapshot is in Redis", async () => (await client.dbsize()) > 0);
  });
  await live(async (system) => {
    expect(await system.actor(Counter, "x").get()).toBe(12);
    await client.flushall();
    await addTwelve(system);
  });
  await client.flushall();
  await live(async (system) => {
    expect(await system.actor(Counter, "x").get()).toBe(24);
    await addTwelve(system);
  });
  await redis.kill();
  await live(async (system) => {
    expect(await system.actor(Counter, "x").get()).toBe(36);
  });
});
