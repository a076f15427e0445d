import { Kafka, logLevel } from "kafkajs";

/** The shards of a topic that one broker leads; the partition after the last shard is none. */
export async function shardsLedBy(
  node: number,
  { brokers, topic }: { readonly brokers: readonly string[]; readonly topic: string },
): Promise<ReadonlySet<number>> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const partitions = topics.flatMap((one) => one.partitions);
    const last = Math.max(...partitions.map(({ partitionId }) => partitionId));
    const led = partitions.filter(
      ({ leader, partitionId }) => leader === node && partitionId < last,
    );
    return new Set(led.map(({ partitionId }) => partitionId));
  } finally {
    await admin.disconnect();
  }
}
