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
import { beginImport, completeImport, type ImportSource } from "./import-marker.ts";
import { type IdentityPlace, identityOf } from "./journal-identity.ts";
import { JournalTopic } from "./journal-topic.ts";
import { KafkaJournal, type KafkaJournalParts } from "./kafka-journal.ts";
import { checkKafkaOptions, type KafkaOptions } from "./kafka-options.ts";
import { shardCountOf } from "./shard-count.ts";
import { untilAnswered } from "./until-answered.ts";

export interface KafkaJournalOptions extends KafkaOptions {
  /** How many shards a new journal gets; an existing one must have as many. Default 64. */
  readonly shards?: number;
  /** For tools beside a running server: makes and writes nothing, and asks nothing of the topic's settings. */
  readonly readOnly?: boolean;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
}

/**
 * Opens the journal on a Kafka topic, or makes it. Fails with `TROUPE_JOURNAL_UNUSABLE` when the
 * topic's settings could lose records (the message has the command that mends them), and with
 * `TROUPE_JOURNAL_UNAVAILABLE` when no broker answers.
 */
export function openKafkaJournal(options: KafkaJournalOptions): Promise<Journal> {
  const { readOnly = false } = options;
  return open(options, async (place) => {
    const journalId = await identityOf({ ...place, readOnly });
    return new KafkaJournal({ ...place, journalId, readOnly });
  });
}

/**
 * Opens a topic that is to be filled with a copy of another journal, or goes on with one: an interrupted import of the
 * same journal. Fails with `TROUPE_JOURNAL_UNUSABLE` when anything else is in it.
 */
export function openKafkaImport(
  options: KafkaJournalOptions,
  source: ImportSource,
): Promise<KafkaImport> {
  return open({ ...options, shards: source.shards }, async (place) => {
    const { journalId, isResumed } = await beginImport(place, source);
    const journal = new KafkaJournal({ ...place, journalId, readOnly: false });
    return { journal, isResumed, complete: () => completeImport(place, journalId) };
  });
}

export interface KafkaImport {
  readonly journal: Journal;
  /** An earlier import was interrupted: a part is there. */
  readonly isResumed: boolean;
  /** Makes the topic a journal, which servers may open. */
  complete(): Promise<void>;
}

type Place = Omit<KafkaJournalParts, "journalId" | "readOnly"> & IdentityPlace;

async function open<Opened>(
  options: KafkaJournalOptions,
  use: (place: Place) => Promise<Opened>,
): Promise<Opened> {
  const { brokers, topic = "troupe-journal", appendTimeoutMs = 5_000 } = options;
  const { clock = systemClock, random = systemRandom, logger = silentLogger } = options;
  checkKafkaOptions(options);
  if (options.sasl?.mechanism === "plain" && (options.tls ?? false) === false) {
    logger.warn("the password for Kafka goes over the wire as it is: turn on TLS, or use SCRAM");
  }
  const wire = wireOptions(options, logger);
  const link = new ClusterLink({ brokers, topic, wire, clock });
  try {
    const prepared = new JournalTopic(link, topicOptions(options, topic), clock).prepare();
    const { partitions, recordBytesMax } = await prepared;
    const counted = { topic, partitions, wanted: options.shards };
    const shards = await untilAnswered({ link, clock }, () => shardCountOf(link, counted));
    if (partitions - 1 > shards) {
      const unused = partitions - 1 - shards;
      logger.warn(`${unused} partitions were added to the topic and are not used`, { topic });
    }
    const timeouts = { ackTimeoutMs: appendTimeoutMs, requestTimeoutMs: appendTimeoutMs + 1_000 };
    const requestBytesMax = limits.journalBatchBytesMax;
    const bytes = { recordBytesMax, requestBytesMax };
    return await use({ link, topic, clock, random, shards, ...timeouts, ...bytes });
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
  const { brokers, shards, replicationFactor = 3, createTopic = true, readOnly = false } = options;
  const { minInsyncReplicas = replicationFactor === 1 ? 1 : 2 } = options;
  const recordBytesMax = limits.journalRecordBytesMax;
  const copies = { replicationFactor, minInsyncReplicas };
  const create = createTopic && !readOnly;
  const isSecured = options.sasl !== undefined || (options.tls ?? false) !== false;
  const bounds = { ...copies, recordBytesMax };
  return { topic, brokers, shards, ...bounds, create, check: !readOnly, isSecured };
}
