/**
 * Real Kafka brokers on the loopback, one or three, that a test may kill, freeze and start again.
 * Combined brokers and controllers, small heaps, short time-outs: for tests, not for users.
 */
import { spawn, spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { makeSecurity, securitySettings, userArguments } from "./kafka-security.mjs";
import { freePort, temporaryFolder } from "./server-process.mjs";

const START_DEADLINE_MS = 60_000;
const ADDRESS = "127.0.0.1";

const JAVA_OPTIONS = [
  "-Xms96m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-XX:ActiveProcessorCount=1",
  "-Xshare:auto",
  "-Djava.awt.headless=true",
];

/**
 * @param {{ nodes: 1 | 3, jars: { java: string, classPath: string }, secure?: boolean }} options
 *   secure: a second listener of each broker, with TLS and passwords
 */
export async function startKafkaCluster({ nodes: count, jars, secure = false }) {
  const folder = temporaryFolder("kafka");
  const nodes = [];
  const seats = [];
  const port = portsOfItsOwn();
  for (let id = 1; id <= count; id++) {
    const securePort = secure ? await port() : undefined;
    seats.push({ id, port: await port(), controllerPort: await port(), securePort });
  }
  const clusterId = randomBytes(16).toString("base64url");
  const killAll = () => {
    for (const node of nodes) node.kill();
  };
  process.once("exit", killAll);
  const stop = async () => {
    process.off("exit", killAll);
    await Promise.all(nodes.map((node) => node.kill()));
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    const security = secure ? makeSecurity({ java: jars.java, folder }) : undefined;
    for (const seat of seats) {
      const settings = join(folder, `node-${seat.id}.properties`);
      const data = join(folder, `node-${seat.id}`);
      mkdirSync(data);
      writeFileSync(settings, propertiesOf(seat, seats, { data, security }));
      format(jars, clusterId, { settings, security });
      nodes.push(nodeOf({ seat, jars, settings, heapMb: count === 1 ? 256 : 320 }));
    }
    await answers(nodes, count);
    const address = nodes.map((node) => node.address).join(",");
    const cluster = { address, nodes, stop, ready: () => answers(nodes, count) };
    if (security === undefined) return cluster;
    const { ca, username, password } = security;
    const secureAddress = seats.map((seat) => `${ADDRESS}:${seat.securePort}`).join(",");
    return { ...cluster, secure: { address: secureAddress, ca, username, password } };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Nothing listens on them yet, so the system may name one twice. */
function portsOfItsOwn() {
  const taken = new Set();
  return async () => {
    for (;;) {
      const port = await freePort();
      if (taken.has(port)) continue;
      taken.add(port);
      return port;
    }
  };
}

function propertiesOf({ id, port, controllerPort, securePort }, seats, { data, security }) {
  const copies = seats.length;
  const voters = seats.map((seat) => `${seat.id}@${ADDRESS}:${seat.controllerPort}`).join(",");
  const open = `PLAINTEXT://${ADDRESS}:${port}`;
  const secured = securePort === undefined ? "" : `,SASL_SSL://${ADDRESS}:${securePort}`;
  const settings = {
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": voters,
    listeners: `${open}${secured},CONTROLLER://${ADDRESS}:${controllerPort}`,
    "advertised.listeners": `${open}${secured}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    "log.dirs": data,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "num.replica.fetchers": 1,
    "offsets.topic.replication.factor": copies,
    "offsets.topic.num.partitions": 1,
    "transaction.state.log.replication.factor": copies,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 1,
    "share.coordinator.state.topic.replication.factor": copies,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "auto.create.topics.enable": false,
    "log.segment.bytes": 16_777_216,
    "log.retention.check.interval.ms": 5_000,
    // Its default takes 128 MB of heap at the start.
    "log.cleaner.dedupe.buffer.size": 2_097_152,
    "broker.session.timeout.ms": 3_000,
    "broker.heartbeat.interval.ms": 500,
    "controller.quorum.election.timeout.ms": 500,
    "controller.quorum.fetch.timeout.ms": 1_000,
    "replica.lag.time.max.ms": 3_000,
    // A follower turns to a new leader only after such pauses, and nothing is confirmed before.
    "replica.fetch.wait.max.ms": 100,
    "replica.fetch.backoff.ms": 100,
    ...(security && securitySettings(security)),
  };
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join("");
}

function format({ java, classPath }, clusterId, { settings, security }) {
  const args = [
    "-cp",
    classPath,
    "kafka.tools.StorageTool",
    "format",
    // With "=": one in 64 begins with "-".
    `--cluster-id=${clusterId}`,
    "-c",
    settings,
    ...(security ? userArguments(security) : []),
  ];
  const { status, stderr, stdout } = spawnSync(java, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`Kafka's StorageTool failed:\n${stdout}${stderr}`);
}

/** One broker. `kill` ends it as a crash does; `start` brings it back with its data. */
function nodeOf({ seat, jars, settings, heapMb }) {
  let child;
  let ended;
  const node = {
    id: seat.id,
    address: `${ADDRESS}:${seat.port}`,
    words: "",
    start() {
      const args = [
        ...JAVA_OPTIONS,
        `-Xmx${heapMb}m`,
        "-cp",
        jars.classPath,
        "kafka.Kafka",
        settings,
      ];
      const started = spawn(jars.java, args, { detached: true, stdio: ["ignore", "pipe", "pipe"] });
      child = started;
      for (const stream of [started.stdout, started.stderr]) {
        stream.setEncoding("utf8").on("data", (text) => {
          node.words = (node.words + text).slice(-4_000);
        });
      }
      ended = new Promise((resolve) => {
        started.once("exit", resolve);
        started.once("error", resolve);
      });
    },
    isRunning: () => child.exitCode === null && child.signalCode === null,
    async kill() {
      if (node.isRunning()) signal("SIGKILL");
      await ended;
    },
    freeze: () => signal("SIGSTOP"),
    thaw: () => signal("SIGCONT"),
  };
  const signal = (name) => process.kill(-child.pid, name);
  node.start();
  return node;
}

/** Waits until all of them answer as one cluster. */
async function answers(nodes, count) {
  const brokers = nodes.map((node) => node.address);
  const retry = { retries: 0 };
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, retry, requestTimeout: 2_000 });
  const until = Date.now() + START_DEADLINE_MS;
  for (;;) {
    const admin = kafka.admin();
    try {
      await admin.connect();
      if ((await admin.describeCluster()).brokers.length === count) return;
    } catch {
      // Not yet.
    } finally {
      await admin.disconnect().catch(() => {});
    }
    const dead = nodes.find((node) => !node.isRunning());
    if (dead !== undefined || Date.now() > until) {
      const words = nodes.map((node) => `node ${node.id}: ${node.words}`).join("\n");
      throw new Error(
        `Kafka gave no answer within ${START_DEADLINE_MS} ms. Its last words:\n${words}`,
      );
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
