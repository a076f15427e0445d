/** What most do: kafkajs' producer, one record an event, all in-sync copies before the answer. */
import { Kafka, logLevel } from "kafkajs";
import { type Contender, type ContenderOptions, eventData } from "../contender.ts";

export async function open({ store, shards }: ContenderOptions): Promise<Contender> {
  const { brokers = [], replicationFactor = 1 } = store;
  const topic = `records-${shards}-${replicationFactor}`;
  const kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  const admin = kafka.admin();
  await admin.connect();
  await admin.createTopics({
    waitForLeaders: true,
    topics: [{ topic, numPartitions: shards, replicationFactor }],
  });
  await admin.disconnect();
  const producer = kafka.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const sequenceNumbers = new Map<number, number>();
  return {
    peer: "kafkajs 2.2.4, one record an event",
    call(actor) {
      const sequenceNumber = (sequenceNumbers.get(actor) ?? 0) + 1;
      sequenceNumbers.set(actor, sequenceNumber);
      const value = JSON.stringify({ sequenceNumber, ...eventData });
      const messages = [{ key: `a${actor}`, value, partition: actor % shards }];
      return producer.send({ topic, acks: -1, messages });
    },
    close: () => producer.disconnect(),
  };
}
