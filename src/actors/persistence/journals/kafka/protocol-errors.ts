/** The errors of Kafka's protocol that mean something to the journal, and what they mean. */

const names: Readonly<Record<number, string>> = {
  [-1]: "UNKNOWN_SERVER_ERROR",
  1: "OFFSET_OUT_OF_RANGE",
  2: "CORRUPT_MESSAGE",
  3: "UNKNOWN_TOPIC_OR_PARTITION",
  5: "LEADER_NOT_AVAILABLE",
  6: "NOT_LEADER_OR_FOLLOWER",
  7: "REQUEST_TIMED_OUT",
  8: "BROKER_NOT_AVAILABLE",
  9: "REPLICA_NOT_AVAILABLE",
  10: "MESSAGE_TOO_LARGE",
  13: "NETWORK_EXCEPTION",
  17: "INVALID_TOPIC_EXCEPTION",
  18: "RECORD_LIST_TOO_LARGE",
  19: "NOT_ENOUGH_REPLICAS",
  20: "NOT_ENOUGH_REPLICAS_AFTER_APPEND",
  29: "TOPIC_AUTHORIZATION_FAILED",
  31: "CLUSTER_AUTHORIZATION_FAILED",
  36: "TOPIC_ALREADY_EXISTS",
  37: "INVALID_PARTITIONS",
  38: "INVALID_REPLICATION_FACTOR",
  40: "INVALID_CONFIG",
  41: "NOT_CONTROLLER",
  44: "POLICY_VIOLATION",
  56: "KAFKA_STORAGE_ERROR",
  74: "FENCED_LEADER_EPOCH",
  75: "UNKNOWN_LEADER_EPOCH",
  78: "OFFSET_NOT_AVAILABLE",
  87: "INVALID_RECORD",
};

export const protocolError = {
  none: 0,
  offsetOutOfRange: 1,
  unknownTopicOrPartition: 3,
  leaderNotAvailable: 5,
  notController: 41,
  topicAlreadyExists: 36,
  invalidReplicationFactor: 38,
} as const;

/**
 * The errors of a produce after which the record certainly is not in the log and never will be:
 * they are found before anything is written. All others can follow a write (a leader that lost
 * its office while the copies were made, for one), whatever their names say.
 */
const refusals = new Set([10, 18, 29, 87]);

export function isRefusal(code: number): boolean {
  return refusals.has(code);
}

/** What a person has to mend: the topic, the rights, the settings. */
const lasting = new Set([10, 17, 18, 29, 31, 36, 37, 38, 40, 44, 87].map((code) => names[code]));

/** Whether the same request may succeed later, or at another broker: connections that broke, leaders that moved. */
export function passesByItself(error: unknown): boolean {
  const { code, retriable } = error as { readonly code?: string; readonly retriable?: boolean };
  return retriable ?? (code !== undefined && !lasting.has(code));
}

/** An error answer, by its name and number. */
export function errorOf(code: number, detail?: string | null): Error {
  const name = names[code] ?? "ERROR";
  const words = detail === undefined || detail === null || detail === "" ? "" : `: ${detail}`;
  return Object.assign(new Error(`Kafka answered ${name} (${code})${words}`), { code: name });
}
