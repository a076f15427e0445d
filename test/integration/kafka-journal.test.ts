/** The contract of all journals on a real Kafka broker, and what is Kafka's alone: its topic. */
import { randomUUID } from "node:crypto";
import { ConfigResourceTypes, Kafka, logLevel } from "kafkajs";
import { afterEach, describe, expect, test } from "vitest";
import { isTroupeError } from "../../src/actors/kernel/index.ts";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import {
  type KafkaJournalOptions,
  openKafkaJournal,
} from "../../src/actors/persistence/journals/index.ts";
import { eventLogContract } from "../contracts/event-log-contract.ts";
import { journalContract } from "../contracts/journal-contract.ts";
import { kafkaBrokers } from "../support/kafka.ts";

const { brokers } = kafkaBrokers();

function admin() {
  return new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
}

async function withAdmin<Result>(
  work: (client: ReturnType<typeof admin>) => Promise<Result>,
): Promise<Result> {
  const client = admin();
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.disconnect();
  }
}

function optionsFor(topic: string): KafkaJournalOptions {
  return { brokers, topic, shards: 8, replicationFactor: 1 };
}

journalContract("kafka, one broker", {
  durable: true,
  manyRecords: 100_000,
  async create() {
    const topic = `journal-${randomUUID()}`;
    let journal = await openKafkaJournal(optionsFor(topic));
    return {
      journal,
      async reopen() {
        await journal.close();
        journal = await openKafkaJournal(optionsFor(topic));
        return journal;
      },
      async dispose() {
        await journal.close();
        await withAdmin((client) => client.deleteTopics({ topics: [topic] }));
      },
    };
  },
});

eventLogContract("kafka, one broker", {
  otherEvents: 100_000,
  async create() {
    const topic = `journal-${randomUUID()}`;
    const journal = await openKafkaJournal({ ...optionsFor(topic), shards: 1 });
    return {
      journal,
      async dispose() {
        await journal.close();
        await withAdmin((client) => client.deleteTopics({ topics: [topic] }));
      },
    };
  },
});

describe("the topic", () => {
  const topics: string[] = [];
  const journals: Journal[] = [];
  afterEach(async () => {
    await Promise.all(journals.splice(0).map((journal) => journal.close()));
    await withAdmin(async (client) => {
      const present = await client.listTopics();
      const made = topics.splice(0).filter((topic) => present.includes(topic));
      if (made.length > 0) await client.deleteTopics({ topics: made });
    });
  });

  function newTopic(): string {
    const topic = `journal-${randomUUID()}`;
    topics.push(topic);
    return topic;
  }

  async function open(options: KafkaJournalOptions): Promise<Journal> {
    const journal = await openKafkaJournal(options);
    journals.push(journal);
    return journal;
  }

  async function problemOf(options: KafkaJournalOptions): Promise<string> {
    const error = await openKafkaJournal(options).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    if (!isTroupeError(error, "TROUPE_JOURNAL_UNUSABLE")) throw error;
    return error.message;
  }

  test("is made with the settings that keep every record", async () => {
    const topic = newTopic();
    await open(optionsFor(topic));
    const configs = await withAdmin((client) =>
      client.describeConfigs({
        includeSynonyms: false,
        resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }],
      }),
    );
    const entries = configs.resources[0]?.configEntries ?? [];
    const settings = new Map(
      entries.map(({ configName, configValue }) => [configName, configValue]),
    );
    expect(settings.get("cleanup.policy")).toBe("delete");
    expect(settings.get("retention.ms")).toBe("-1");
    expect(settings.get("retention.bytes")).toBe("-1");
    expect(settings.get("min.insync.replicas")).toBe("1");
    expect(settings.get("unclean.leader.election.enable")).toBe("false");
    // A cut gives room back by whole files.
    expect(settings.get("segment.bytes")).toBe("67108864");
  });

  test("is one journal, whoever makes it; made anew it is another", async () => {
    const topic = newTopic();
    const [one, other] = await Promise.all([open(optionsFor(topic)), open(optionsFor(topic))]);
    expect(other.journalId).toBe(one.journalId);
    await withAdmin((client) => client.deleteTopics({ topics: [topic] }));
    expect((await open(optionsFor(topic))).journalId).not.toBe(one.journalId);
  });

  test("with a setting that loses records is refused, with the command that mends it", async () => {
    const topic = newTopic();
    await withAdmin((client) =>
      client.createTopics({
        waitForLeaders: false,
        topics: [
          {
            topic,
            numPartitions: 9,
            replicationFactor: 1,
            configEntries: [
              { name: "cleanup.policy", value: "compact" },
              { name: "retention.ms", value: "1000" },
            ],
          },
        ],
      }),
    );
    const message = await problemOf(optionsFor(topic));
    expect(message).toContain("cleanup.policy must be delete, but is compact");
    expect(message).toContain("retention.ms must be -1, but is 1000");
    expect(message).toContain(`kafka-configs.sh --bootstrap-server ${brokers[0]} --alter`);
    expect(message).toContain("--add-config cleanup.policy=delete,retention.ms=-1");
  });

  test("with any setting that loses records is refused by name; what the message says mends it", async () => {
    const topic = newTopic();
    const bad = {
      "cleanup.policy": "compact,delete",
      "retention.ms": "604800000",
      "retention.bytes": "1000000",
      "unclean.leader.election.enable": "true",
      "min.insync.replicas": "2",
      "max.message.bytes": "1000",
    };
    const configEntries = Object.entries(bad).map(([name, value]) => ({ name, value }));
    await withAdmin((client) =>
      client.createTopics({
        waitForLeaders: false,
        topics: [{ topic, numPartitions: 9, replicationFactor: 1, configEntries }],
      }),
    );
    const message = await problemOf(optionsFor(topic));
    for (const name of Object.keys(bad)) expect(message).toContain(name);
    const mended = /--add-config (\S+)$/.exec(message.replace(/\. Nothing was.*$/, ""))?.[1] ?? "";
    const settings = mended.split(",").map((pair) => pair.split("="));
    await withAdmin((client) =>
      client.alterConfigs({
        validateOnly: false,
        resources: [
          {
            type: ConfigResourceTypes.TOPIC,
            name: topic,
            configEntries: settings.map(([name = "", value = ""]) => ({ name, value })),
          },
        ],
      }),
    );
    expect((await open(optionsFor(topic))).shards).toBe(8);
  });

  test("keeps its shards, its id and its records when partitions are added to it", async () => {
    const topic = newTopic();
    const before = await open(optionsFor(topic));
    const bytes = Buffer.from("kept");
    const [result] = await before.append([{ shard: 3, expected: 0, bytes }]);
    expect(result).toMatchObject({ outcome: "at", at: 0 });
    await withAdmin((client) =>
      client.createPartitions({ topicPartitions: [{ topic, count: 12 }] }),
    );
    const after = await open(optionsFor(topic));
    expect([after.journalId, after.shards]).toEqual([before.journalId, 8]);
    expect(Buffer.from((await after.readAt(3, 0)).bytes)).toEqual(bytes);
  });

  test("with another number of shards is refused", async () => {
    const topic = newTopic();
    await open(optionsFor(topic));
    expect(await problemOf({ ...optionsFor(topic), shards: 16 })).toContain(
      "it has 8 shards for life, and 16 were asked for",
    );
  });

  test("that needs more copies than there are brokers is not made, and the way out is told", async () => {
    const message = await problemOf({ ...optionsFor(newTopic()), replicationFactor: 3 });
    expect(message).toContain(
      "3 copies of each record were asked for, and the cluster has 1 broker",
    );
    expect(message).toContain("replicationFactor: 1");
  });

  test("is not made where that is forbidden", async () => {
    expect(await problemOf({ ...optionsFor(newTopic()), createTopic: false })).toContain(
      "there is no topic",
    );
  });
});

test("no broker: says which were asked, and why they did not answer", async () => {
  const nowhere = openKafkaJournal({ brokers: ["127.0.0.1:1"], topic: "t" });
  await expect(nowhere).rejects.toMatchObject({
    code: "TROUPE_JOURNAL_UNAVAILABLE",
    details: { reason: expect.stringContaining("127.0.0.1:1") as unknown },
  });
});
