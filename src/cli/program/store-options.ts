/** The options of commands that start a server: where its journal and its snapshots are. */
import { type Command, Option } from "commander";
import { wholeNumber } from "../whole-number.ts";

/** Passwords have no option: an argument stands in the process list, for all users of the machine. */
export function addStoreOptions(command: Command): Command {
  const kafka = "keep the journal on a Kafka topic instead of in the data folder";
  return addKafkaOptions(command, kafka)
    .addOption(replicationOption())
    .option(
      "--redis <url,...>",
      "keep snapshots of actors in Redis; several = a cluster (else TROUPE_REDIS; a password only there " +
        "or in TROUPE_REDIS_PASSWORD)",
    )
    .addOption(
      new Option("--redis-ca <file>", "the authority of rediss: servers").env("TROUPE_REDIS_CA"),
    )
    .addOption(
      new Option(
        "--s3 <s3://bucket/prefix>",
        "keep files of jobs and ended logs in a bucket that exists; credentials as the AWS SDK finds them",
      ).env("TROUPE_S3"),
    )
    .addOption(
      new Option("--s3-endpoint <url>", "an S3 server other than Amazon's").env(
        "TROUPE_S3_ENDPOINT",
      ),
    );
}

export function replicationOption(): Option {
  return new Option("--kafka-replication <n>", "copies of each record (default: 3)")
    .env("TROUPE_KAFKA_REPLICATION")
    .argParser(wholeNumber("--kafka-replication", [1, 100]));
}

/** How a journal on Kafka is reached; `meaning` says what for. */
export function addKafkaOptions(command: Command, meaning: string): Command {
  return command
    .addOption(new Option("--kafka <host:port,...>", meaning).env("TROUPE_KAFKA"))
    .addOption(
      new Option("--kafka-topic <name>", "default: troupe-journal").env("TROUPE_KAFKA_TOPIC"),
    )
    .addOption(
      new Option("--kafka-tls [ca-file]", "TLS, with the machine's authorities or this one").env(
        "TROUPE_KAFKA_TLS",
      ),
    )
    .addOption(
      new Option("--kafka-cert <file>", "this process's own certificate").env("TROUPE_KAFKA_CERT"),
    )
    .addOption(new Option("--kafka-key <file>", "and its key").env("TROUPE_KAFKA_KEY"))
    .addOption(
      new Option(
        "--kafka-user <name>",
        "who to be; the password is taken from TROUPE_KAFKA_PASSWORD",
      ).env("TROUPE_KAFKA_USER"),
    )
    .addOption(
      new Option("--kafka-password-file <file>", "or from here").env("TROUPE_KAFKA_PASSWORD_FILE"),
    )
    .addOption(
      new Option("--kafka-sasl <mechanism>", "how to prove it (default: scram-sha-512)")
        .env("TROUPE_KAFKA_SASL")
        .choices(["plain", "scram-sha-256", "scram-sha-512"]),
    );
}
