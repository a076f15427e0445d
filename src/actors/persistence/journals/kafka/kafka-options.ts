/** How a journal on Kafka is reached and what it asks of its topic; checked before anything is dialled. */
import type { ConnectionOptions } from "node:tls";
import { TroupeError } from "../../../kernel/index.ts";

export interface KafkaOptions {
  /** host:port of some brokers; the others are found through them. */
  readonly brokers: readonly string[];
  /** Default `troupe-journal`. One topic is one journal, of one system. */
  readonly topic?: string;
  /** Copies of each record, at least; a topic with fewer is refused. Default 3. */
  readonly replicationFactor?: number;
  /** Copies that must be written before an append is confirmed. Default 2, or 1 with one copy. */
  readonly minInsyncReplicas?: number;
  /** Make the topic when it is missing. Default true. */
  readonly createTopic?: boolean;
  /** TLS: `true`, or options of `tls.connect` such as `ca`, `cert`, `key`. Default: none. */
  readonly tls?: boolean | ConnectionOptions;
  /** Who this process is to the brokers. Default: nobody. */
  readonly sasl?: SaslOptions;
  /** Name of this process in the brokers' logs. Default `troupe`. */
  readonly clientId?: string;
  /** Time for a connection, with its authentication, in ms. Default 2,000. */
  readonly connectTimeoutMs?: number;
  /**
   * Time for the brokers to answer an append, in ms. Default 5,000. A leader that was deposed
   * is left earlier, when another broker says so.
   */
  readonly appendTimeoutMs?: number;
}

export type SaslOptions = SaslPassword | SaslToken;

/** A name and a password. With `plain` the password itself goes over the wire: use TLS. */
export interface SaslPassword {
  readonly mechanism: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly username: string;
  readonly password: string;
}

/** A token of an OAuth server, asked for at each connect. */
export interface SaslToken {
  readonly mechanism: "oauthbearer";
  readonly oauthBearerProvider: () => Promise<{ readonly value: string }>;
}

const mechanisms = ["plain", "scram-sha-256", "scram-sha-512", "oauthbearer"];

/** Throws `TROUPE_OPTION_INVALID` for the first option that cannot be meant. */
export function checkKafkaOptions(options: KafkaOptions): void {
  const { brokers, topic, sasl } = options;
  if (!Array.isArray(brokers) || brokers.length === 0) {
    throw invalid("brokers", "a list of host:port with at least one entry", "empty");
  }
  const bad = brokers.find((broker) => !isAddress(broker));
  if (bad !== undefined) throw invalid("brokers", "a list of host:port", JSON.stringify(bad));
  if (topic !== undefined && !/^[A-Za-z0-9._-]{1,249}$/.test(topic)) {
    const expected = "up to 249 letters, digits, dots, dashes and underscores";
    throw invalid("topic", expected, JSON.stringify(topic));
  }
  for (const name of ["replicationFactor", "minInsyncReplicas"] as const) {
    const copies = options[name];
    if (copies === undefined || (Number.isInteger(copies) && copies > 0)) continue;
    throw invalid(name, "a whole number, 1 or more", String(copies));
  }
  const { replicationFactor = 3, minInsyncReplicas = 1 } = options;
  if (minInsyncReplicas > replicationFactor) {
    const expected = `at most replicationFactor (${replicationFactor})`;
    throw invalid("minInsyncReplicas", expected, String(minInsyncReplicas));
  }
  if (sasl !== undefined && !mechanisms.includes(sasl.mechanism)) {
    throw invalid("sasl.mechanism", mechanisms.join(", "), JSON.stringify(sasl.mechanism));
  }
}

function isAddress(broker: unknown): boolean {
  if (typeof broker !== "string") return false;
  const [, host = "", port = ""] = /^(.*):([0-9]{1,5})$/.exec(broker) ?? [];
  const isHost = /^\[[0-9a-fA-F:.]+\]$/.test(host) || /^[^\s:/@[\],]+$/.test(host);
  return isHost && Number(port) > 0 && Number(port) < 65_536;
}

function invalid(option: string, expected: string, got: string): TroupeError {
  const details = { option: `kafka.${option}`, expected, got };
  return new TroupeError("TROUPE_OPTION_INVALID", details);
}
