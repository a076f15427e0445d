/**
 * Start-ups over a topic that is not as it was left: the log went back (U12: RF 1 and a lost host, an unclean election),
 * or others have written into it, with transactions too (U13).
 */
import { randomUUID } from "node:crypto";
import { Kafka, logLevel, Partitioners } from "kafkajs";
import { expect, onTestFinished, test } from "vitest";
import { openKafkaJournal } from "../../src/actors/persistence/journals/index.ts";
import { createSystem, definePersistentActor, type System, silentLogger } from "../../src/index.ts";
import { kafkaBrokers } from "../support/kafka.ts";

const { brokers } = kafkaBrokers();

const Counter = definePersistentActor("counter", { initialState: () => ({ n: 0 }) })
  .events({ added: (state) => ({ n: state.n + 1 }) })
  .commands({
    add: (counter) => {
      counter.persist("added");
      return counter.state.n;
    },
    get: (counter) => counter.state.n,
  });

function client(): Kafka {
  return new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
}

async function start(topic: string): Promise<System> {
  const kafka = { brokers, topic, replicationFactor: 1 };
  const definitions = [Counter];
  const system = await createSystem({
    name: "n",
    shards: 1,
    kafka,
    definitions,
    logger: silentLogger,
  });
  onTestFinished(() => system.stop({ deadlineMs: 0 }));
  return system;
}

async function add(system: System, times: number): Promise<number> {
  let count = 0;
  for (let time = 0; time < times; time++) count = await system.actor(Counter, "x").add();
  return count;
}

async function recordsOf(topic: string, partition: number): Promise<Buffer[]> {
  const found: Buffer[] = [];
  const consumer = client().consumer({ groupId: randomUUID() });
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  const admin = client().admin();
  await admin.connect();
  const offsets = await admin.fetchTopicOffsets(topic);
  await admin.disconnect();
  const end = Number(offsets.find((one) => one.partition === partition)?.high);
  await new Promise<void>((resolve, reject) => {
    consumer
      .run({
        eachMessage: async ({ message, partition: of }) => {
          if (of === partition) found.push(message.value ?? Buffer.alloc(0));
          if (found.length >= end) resolve();
        },
      })
      .catch(reject);
  });
  await consumer.disconnect();
  return found;
}

/** The topic as it was, with the first records of its shard only. */
async function goBack(topic: string, keep: number): Promise<void> {
  const [shard, identity] = [await recordsOf(topic, 0), await recordsOf(topic, 1)];
  const admin = client().admin();
  await admin.connect();
  await admin.deleteTopics({ topics: [topic] });
  const config = { "retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete" };
  const configEntries = Object.entries({
    ...config,
    "min.insync.replicas": "1",
    "unclean.leader.election.enable": "false",
  }).map(([name, value]) => ({ name, value }));
  const made = { topic, numPartitions: 2, replicationFactor: 1, configEntries };
  await admin.createTopics({ topics: [made], waitForLeaders: false });
  await admin.disconnect();
  const producer = client().producer({ createPartitioner: Partitioners.DefaultPartitioner });
  await producer.connect();
  const messages = [
    ...shard.slice(0, keep).map((value) => ({ partition: 0, value })),
    ...identity.map((value) => ({ partition: 1, value })),
  ];
  await producer.send({ topic, messages });
  await producer.disconnect();
}

test("U12: the log went back under a running owner: it stops and says so, and so does the next start", async () => {
  const topic = `journal-${randomUUID()}`;
  const system = await start(topic);
  expect(await add(system, 6)).toBe(6);
  await goBack(topic, 4);
  const failure: unknown = await system
    .actor(Counter, "x")
    .with({ timeoutMs: 60_000 })
    .add()
    .then(
      (count) => `it counted ${count}`,
      (error: unknown) => error,
    );
  expect(failure).toMatchObject({
    code: "TROUPE_JOURNAL_CORRUPT",
    message: expect.stringMatching(/points there, but the log ends at|is missing/) as string,
  });
  await expect(start(topic)).rejects.toMatchObject({
    code: "TROUPE_JOURNAL_CORRUPT",
    message: expect.stringContaining("the frame before this one is missing") as string,
  });
});

test("U13: records and transactions of others, ended and open, are stepped over at every start", async () => {
  const topic = `journal-${randomUUID()}`;
  const first = await start(topic);
  expect(await add(first, 3)).toBe(3);
  const producer = client().producer({
    createPartitioner: Partitioners.DefaultPartitioner,
    transactionalId: `foreign-${topic}`,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  onTestFinished(() => producer.disconnect());
  const send = { topic, messages: [{ partition: 0, value: "x".repeat(3_000) }] };
  for (const end of ["commit", "abort", "commit"] as const) {
    const transaction = await producer.transaction();
    await transaction.send(send);
    await transaction[end]();
  }
  // The owner meets them as a gap before its own frame.
  expect(await add(first, 2)).toBe(5);
  const open = await producer.transaction();
  await open.send(send);
  expect(await add(first, 1)).toBe(6);

  // Beside the open transaction, and when the log ends with its marker.
  const second = await start(topic);
  expect(await second.actor(Counter, "x").get()).toBe(6);
  expect(await add(second, 1)).toBe(7);
  await open.abort();
  const third = await start(topic);
  expect(await third.actor(Counter, "x").get()).toBe(7);
  expect(await add(third, 1)).toBe(8);

  // A page that is as small as can be holds a marker and nothing else.
  const journal = await openKafkaJournal({ brokers, topic, readOnly: true });
  onTestFinished(() => journal.close());
  const positions: number[] = [];
  for (let at = 0; ; ) {
    const { records, next } = await journal.read(0, at, 1);
    if (records.length === 0) break;
    positions.push(...records.map(({ position }) => position));
    at = next;
  }
  const { end } = await journal.tail(0);
  expect(positions.at(-1)).toBe(end - 1);
  // Four markers are no records.
  expect(positions).toHaveLength(end - 4);
});
