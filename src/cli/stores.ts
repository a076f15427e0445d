/** Kafka, Redis and S3 from options and environment. Passwords come from the environment or a file, never from argv. */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import type { S3BlobStoreOptions } from "../actors/blobs/index.ts";
import type { KafkaOptions, RedisOptions } from "../actors/persistence/index.ts";
import type { CliContext } from "./cli-context.ts";
import { UsageError } from "./usage-error.ts";

export interface StoreOptions {
  readonly kafka?: string;
  readonly kafkaTopic?: string;
  readonly kafkaReplication?: number;
  readonly kafkaTls?: string | boolean;
  readonly kafkaCert?: string;
  readonly kafkaKey?: string;
  readonly kafkaUser?: string;
  readonly kafkaPasswordFile?: string;
  readonly kafkaSasl?: "plain" | "scram-sha-256" | "scram-sha-512";
  readonly redis?: string;
  readonly redisCa?: string;
  readonly s3?: string;
  readonly s3Endpoint?: string;
}

export interface Stores {
  readonly kafka?: KafkaOptions;
  readonly redis?: RedisOptions;
  readonly s3?: S3BlobStoreOptions;
}

/** What `startServer` is given; nothing for what was not asked for. Throws a `UsageError`. */
export async function readStores(context: CliContext, options: StoreOptions): Promise<Stores> {
  return {
    ...(await readKafka(context, options)),
    ...(await readRedis(context, options)),
    ...readS3(options),
  };
}

/** For people: where journal and snapshots are, without user and password. */
export function describeStores({ kafka, redis, s3 }: Stores): string {
  const parts: string[] = [];
  if (kafka !== undefined) {
    parts.push(
      `journal: Kafka topic ${kafka.topic ?? "troupe-journal"} at ${kafka.brokers.join(",")}`,
    );
  }
  if (redis !== undefined) {
    const hosts = (redis.urls ?? [redis.url]).map((url) => new URL(url).host);
    parts.push(`snapshots: Redis at ${hosts.join(",")}`);
  }
  if (s3 !== undefined) {
    parts.push(`files and ended logs: bucket ${s3.bucket} at ${s3.endpoint ?? "Amazon S3"}`);
  }
  return parts.map((part) => `${part}\n`).join("");
}

const needKafka = [
  ["kafkaTopic", "--kafka-topic"],
  ["kafkaReplication", "--kafka-replication"],
  ["kafkaTls", "--kafka-tls"],
  ["kafkaCert", "--kafka-cert"],
  ["kafkaKey", "--kafka-key"],
  ["kafkaUser", "--kafka-user"],
  ["kafkaPasswordFile", "--kafka-password-file"],
  ["kafkaSasl", "--kafka-sasl"],
] as const;

export async function readKafka(
  context: CliContext,
  options: StoreOptions,
): Promise<Pick<Stores, "kafka">> {
  const { kafka, kafkaTopic: topic, kafkaReplication: replicationFactor } = options;
  if (kafka === undefined) {
    const lonely = needKafka.find(([name]) => options[name] !== undefined);
    if (lonely === undefined) return {};
    throw new UsageError(`${lonely[1]} means nothing without --kafka <host:port,...>`);
  }
  const tls = await readTls(context, options);
  const sasl = await readSasl(context, options);
  return {
    kafka: {
      brokers: listOf(kafka),
      ...(topic !== undefined && { topic }),
      ...(replicationFactor !== undefined && { replicationFactor }),
      ...(tls !== undefined && { tls }),
      ...(sasl !== undefined && { sasl }),
    },
  };
}

async function readTls(
  context: CliContext,
  { kafkaTls, kafkaCert, kafkaKey }: StoreOptions,
): Promise<KafkaOptions["tls"]> {
  if ((kafkaCert === undefined) !== (kafkaKey === undefined)) {
    throw new UsageError("--kafka-cert and --kafka-key belong together: give both or neither");
  }
  const isOff = kafkaTls === undefined || ["", "0", "false"].includes(String(kafkaTls));
  if (isOff && kafkaCert === undefined) return undefined;
  const authority =
    isOff || ["1", "true"].includes(String(kafkaTls)) ? undefined : String(kafkaTls);
  return {
    ...(authority !== undefined && { ca: await read(context, "--kafka-tls", authority) }),
    ...(kafkaCert !== undefined && { cert: await read(context, "--kafka-cert", kafkaCert) }),
    ...(kafkaKey !== undefined && { key: await read(context, "--kafka-key", kafkaKey) }),
  };
}

async function readSasl(
  context: CliContext,
  { kafkaUser: username, kafkaPasswordFile, kafkaSasl: mechanism }: StoreOptions,
): Promise<KafkaOptions["sasl"]> {
  if (username === undefined) {
    if (mechanism === undefined && kafkaPasswordFile === undefined) return undefined;
    throw new UsageError("--kafka-sasl and a password want --kafka-user <name>");
  }
  const password =
    kafkaPasswordFile === undefined
      ? context.env["TROUPE_KAFKA_PASSWORD"]
      : (await read(context, "--kafka-password-file", kafkaPasswordFile)).replace(/\r?\n$/, "");
  if (password === undefined || password === "") {
    throw new UsageError(
      "--kafka-user wants its password in TROUPE_KAFKA_PASSWORD or --kafka-password-file <file>",
    );
  }
  return { mechanism: mechanism ?? "scram-sha-512", username, password };
}

async function readRedis(context: CliContext, options: StoreOptions): Promise<Stores> {
  const { env } = context;
  if (
    options.redis !== undefined &&
    listOf(options.redis).some((url) => /:\/\/[^/]*:[^/]*@/.test(url))
  ) {
    throw new UsageError(
      "--redis takes no password, because arguments stand in the process list; put the URL into " +
        "TROUPE_REDIS, or the password into TROUPE_REDIS_PASSWORD",
    );
  }
  const text = options.redis ?? env["TROUPE_REDIS"] ?? "";
  if (text === "") {
    if (options.redisCa === undefined) return {};
    throw new UsageError("--redis-ca means nothing without --redis <url,...>");
  }
  const urls = listOf(text).map((url) => withPassword(url, env["TROUPE_REDIS_PASSWORD"]));
  const [first = "", ...others] = urls;
  const { redisCa } = options;
  const tls = redisCa && { ca: await read(context, "--redis-ca", redisCa) };
  const server = others.length === 0 ? { url: first } : { urls };
  return { redis: { ...server, ...(tls && { tls }) } };
}

function readS3({ s3, s3Endpoint: endpoint }: StoreOptions): Pick<Stores, "s3"> {
  if (s3 === undefined || s3 === "") {
    if (endpoint === undefined) return {};
    throw new UsageError("--s3-endpoint means nothing without --s3 <s3://bucket/prefix>");
  }
  const [, bucket, prefix = ""] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/.exec(s3) ?? [];
  if (bucket === undefined) {
    throw new UsageError(`--s3 wants s3://bucket or s3://bucket/prefix, got "${s3}"`);
  }
  if (endpoint !== undefined && !/^https?:\/\/[^/@]+\/?$/.test(endpoint)) {
    throw new UsageError(
      `--s3-endpoint wants http://host:port or https://host:port; credentials come as the AWS SDK finds them`,
    );
  }
  return { s3: { bucket, prefix, ...(endpoint !== undefined && { endpoint }) } };
}

function withPassword(text: string, password = ""): string {
  if (!URL.canParse(text) || !/^rediss?:\/\//.test(text)) {
    throw new UsageError(
      "--redis wants redis://host:port or rediss://host:port, several with commas",
    );
  }
  if (password === "") return text;
  const url = new URL(text);
  url.password = encodeURIComponent(password);
  return url.href;
}

function listOf(text: string): string[] {
  return text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

function read(context: CliContext, option: string, file: string): Promise<string> {
  return readFile(resolve(context.cwd, file), "utf8").catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`${option} "${file}" cannot be read: ${error.message}`);
  });
}
