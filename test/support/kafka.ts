/** Real Kafka for tests: the brokers that are there, or some of the test's own to kill and freeze. */
import { afterAll, beforeAll } from "vitest";
import { type KafkaCluster, startKafka } from "../../scripts/services/kafka.mjs";

const startTimeoutMs = 180_000;

/** Brokers for all tests of a file: those of `KAFKA_BROKERS`, else one that lives as long as the file. */
export function kafkaBrokers(): { readonly brokers: readonly string[] } {
  const given = process.env["KAFKA_BROKERS"];
  if (given !== undefined && given !== "") return { brokers: given.split(",") };
  const brokers: string[] = [];
  const cluster = kafkaCluster(1);
  beforeAll(() => {
    brokers.push(...cluster.current().address.split(","));
  });
  return { brokers };
}

/** A cluster of the test file's own. */
export function kafkaCluster(
  nodes: 1 | 3,
  { secure = false }: { readonly secure?: boolean } = {},
): { current(): KafkaCluster } {
  let started: KafkaCluster | undefined;
  beforeAll(async () => {
    started = await startKafka({ nodes, secure });
  }, startTimeoutMs);
  afterAll(async () => {
    await started?.stop();
  });
  return {
    current() {
      if (started === undefined)
        throw new Error("the Kafka cluster was used before it was started");
      return started;
    },
  };
}
