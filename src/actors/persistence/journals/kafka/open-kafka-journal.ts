import type { ConnectionOptions } from "node:tls";
import type { SASLOptions } from "kafkajs";
import {
  type Clock,
  isTroupeError,
  type Logger,
  limits,
  type Random,
  reasonOf,
  silentLogger,
  systemClock,
  systemRandom,
  TroupeError,
} from "../../../kernel/index.ts";
import type { Journal } from "../../journal.ts";
import { ClusterLink } from "./cluster-link.ts";
import { identityOf } from "./journal-identity.ts";
import { JournalTopic } from "./journal-topic.ts";
import { KafkaJournal } from "./kafka-journal.ts";

export interface KafkaJournalOptions {
  /** host:port of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  /** Default `troupe-journal`. */
  readonly topic?: string;
  /** How many shards a new journal gets; an existing one must have as many. Default 64. */
  readonly shards?: number;
  /** Copies of each record, at least; a topic with fewer is refused. Default 3. */
  readonly replicationFactor?: number;
  /** Copies that must be written before an append is confirmed. Default 2, or 1 with one copy. */
  readonly minInsyncReplicas?: number;
  /** Make the topic when it is missing. Default true. */
  readonly createTopic?: boolean;
  /** TLS: `true`, or options of `tls.connect` such as `ca`, `cert`, `key`. Default: none. */
  readonly tls?: boolean | ConnectionOptions;
  /** As kafkajs takes them: mechanism plain, scram-sha-256, scram-sha-512, aws, oauthbearer. */
  readonly sasl?: SASLOptions;
  /** Name of this process in the brokers' logs. Default `troupe`. */
  readonly clientId?: string;
  /** Time for a connection, with its authentication, in ms. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Time for the brokers to answer an append, in ms. Default 5,000. A leader that was deposed
   * is left earlier, when another broker says so.
   */
  readonly appendTimeoutMs?: number;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/**
 * Opens the journal on a Kafka topic, or makes it. Fails with `TROUPE_JOURNAL_UNUSABLE` when the
 * topic's settings could lose records (the message has the command that mends them), and with
 * `TROUPE_JOURNAL_UNAVAILABLE` when no broker answers.
 */
export async function openKafkaJournal(options: KafkaJournalOptions): Promise<Journal> {
  const { brokers, topic = "troupe-journal", appendTimeoutMs = 5_000 } = options;
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  if (brokers.length === 0) {
    const expected = "a list of host:port with at least one entry";
    throw new TroupeError("TROUPE_OPTION_INVALID", { option: "brokers", expected, got: "empty" });
  }
  const wire = wireOptions(options, logger);
  const link = new ClusterLink({ brokers, topic, wire, clock });
  try {
    const facts = await new JournalTopic(link, topicOptions(options, topic), clock).prepare();
    const timeouts = { ackTimeoutMs: appendTimeoutMs, requestTimeoutMs: appendTimeoutMs + 1_000 };
    const place = { link, topic, clock, ...timeouts };
    const journalId = await identityOf({ ...place, shards: facts.shards, random });
    const requestBytesMax = limits.journalBatchBytesMax;
    return new KafkaJournal({ ...place, ...facts, journalId, requestBytesMax });
  } catch (error) {
    link.close();
    if (isTroupeError(error)) throw error;
    const details = { journal: link.name, operation: "open", reason: reasonOf(error) };
    throw new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: error });
  }
}

function wireOptions(options: KafkaJournalOptions, logger: Logger) {
  const { clientId = "troupe", connectTimeoutMs = 2_000, tls, sasl } = options;
  const tlsOptions = tls === true ? {} : tls;
  return {
    clientId,
    connectTimeoutMs,
    requestTimeoutMs: 2_000,
    logger,
    ...(tlsOptions !== undefined && tlsOptions !== false && { tls: tlsOptions }),
    ...(sasl !== undefined && { sasl }),
  };
}

function topicOptions(options: KafkaJournalOptions, topic: string) {
  const { brokers, shards, replicationFactor = 3, createTopic = true } = options;
  const { minInsyncReplicas = replicationFactor === 1 ? 1 : 2 } = options;
  const recordBytesMax = limits.journalRecordBytesMax;
  const copies = { replicationFactor, minInsyncReplicas };
  return { topic, brokers, shards, ...copies, recordBytesMax, create: createTopic };
}
