/** Kafka for the journal: found, or one broker started from jars or in Docker. */
import { spawnSync } from "node:child_process";
import { Kafka, logLevel } from "kafkajs";
import { startKafkaCluster } from "./kafka-cluster.mjs";
import { KAFKA_VERSION, kafkaJars } from "./kafka-jars.mjs";
import { hasDocker } from "./program.mjs";
import { freePort, startServer, temporaryFolder } from "./server-process.mjs";

export const kafka = {
  name: "Kafka",
  variable: "KAFKA_BROKERS",
  needs: "tests of the journal on Kafka",
  async obtain() {
    const jars = kafkaJars();
    if (!("missing" in jars)) {
      const { address, stop } = await startKafkaCluster({ nodes: 1, jars });
      return { address, how: `Apache Kafka ${KAFKA_VERSION}, one broker`, stop };
    }
    return hasDocker() ? fromDocker() : jars;
  },
};

/** Real brokers that a test may kill, freeze and start again. */
export async function startKafka({ nodes, secure = false }) {
  const jars = kafkaJars();
  if ("missing" in jars) throw new Error(`No Kafka here. ${jars.missing}`);
  return startKafkaCluster({ nodes, jars, secure });
}

async function fromDocker() {
  const port = await freePort();
  const name = `troupe-kafka-${port}`;
  const { stop } = await startServer({
    name: "Kafka in Docker",
    command: "docker",
    args: [
      "run",
      "--rm",
      "--name",
      name,
      "-p",
      `127.0.0.1:${port}:${port}`,
      ...dockerArguments(port),
    ],
    folder: temporaryFolder("kafka"),
    // The image may have to be pulled.
    deadlineMs: 180_000,
    answers: () => answersAt(`127.0.0.1:${port}`),
  });
  return {
    address: `127.0.0.1:${port}`,
    how: "Docker",
    async stop() {
      spawnSync("docker", ["kill", name]);
      await stop();
    },
  };
}

/** What the image has to be told, for a broker at this port of the host. */
export function dockerSettings(port) {
  return {
    KAFKA_NODE_ID: 1,
    KAFKA_PROCESS_ROLES: "broker,controller",
    KAFKA_LISTENERS: `PLAINTEXT://:${port},CONTROLLER://:9093`,
    KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://127.0.0.1:${port}`,
    KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    KAFKA_CONTROLLER_LISTENER_NAMES: "CONTROLLER",
    KAFKA_CONTROLLER_QUORUM_VOTERS: "1@localhost:9093",
    KAFKA_AUTO_CREATE_TOPICS_ENABLE: false,
    KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: 1,
  };
}

function dockerArguments(port) {
  const pairs = Object.entries(dockerSettings(port)).flatMap(([key, value]) => [
    "-e",
    `${key}=${value}`,
  ]);
  return [...pairs, `apache/kafka:${KAFKA_VERSION}`];
}

async function answersAt(address) {
  const options = { brokers: [address], logLevel: logLevel.NOTHING, retry: { retries: 0 } };
  const admin = new Kafka(options).admin();
  try {
    await admin.connect();
    return (await admin.describeCluster()).brokers.length === 1;
  } finally {
    await admin.disconnect();
  }
}
