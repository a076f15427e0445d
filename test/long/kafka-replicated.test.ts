/** The contract of events on three real brokers, at full size: `npm run ci:long`. */
import { randomUUID } from "node:crypto";
import { openKafkaJournal } from "../../src/actors/persistence/journals/index.ts";
import { eventLogContract } from "../contracts/event-log-contract.ts";
import { kafkaCluster } from "../support/kafka.ts";

const cluster = kafkaCluster(3);

eventLogContract("kafka, three copies of each record", {
  otherEvents: 1_000_000,
  // Six times Pekko's: each of 10,000 commits one by one waits for two brokers.
  perfLimitMs: 60_000,
  async create() {
    const brokers = cluster.current().address.split(",");
    const topic = `journal-${randomUUID()}`;
    const journal = await openKafkaJournal({ brokers, topic, shards: 1, replicationFactor: 3 });
    return { journal, dispose: () => journal.close() };
  },
});
