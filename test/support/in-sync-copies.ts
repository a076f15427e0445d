import { Kafka, logLevel } from "kafkajs";
import { waitUntil } from "./wait-until.ts";

/** Waits until every partition of a topic has all its copies up to date: the next broker may go. */
export async function copiesInSync(brokers: readonly string[], topic: string): Promise<void> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const isWhole = async (): Promise<boolean> => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
      return topics.every(({ partitions }) =>
        partitions.every(({ isr, replicas }) => isr.length === replicas.length),
      );
    };
    await waitUntil("all copies are in sync", isWhole, { deadlineMs: 120_000, everyMs: 200 });
  } finally {
    await admin.disconnect();
  }
}
