/** Where the journal and the snapshots are, from options and environment; no password in an argument. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type CliContext, processContext } from "../../src/cli/cli-context.ts";
import { describeStores, readStores, type StoreOptions } from "../../src/cli/stores.ts";

const folder = mkdtempSync(join(tmpdir(), "troupe-stores-"));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, "ca.pem"), "authority");
writeFileSync(join(folder, "cert.pem"), "certificate");
writeFileSync(join(folder, "key.pem"), "key");
writeFileSync(join(folder, "password"), "from a file\n");

function read(options: StoreOptions, env: Record<string, string> = {}) {
  const context: CliContext = { ...processContext(), cwd: folder, env };
  return readStores(context, options);
}

const kafka = "a:1, b:2";
const brokers = ["a:1", "b:2"];
const env = { TROUPE_KAFKA_PASSWORD: "secret" };

describe("what servers are given", () => {
  it("nothing, when nothing is asked for", async () => {
    expect(await read({})).toEqual({});
  });

  it.each<[StoreOptions, object]>([
    [{}, {}],
    [
      { kafkaTopic: "t", kafkaReplication: 1 },
      { topic: "t", replicationFactor: 1 },
    ],
    [{ kafkaTls: true }, { tls: {} }],
    [{ kafkaTls: "1" }, { tls: {} }],
    [{ kafkaTls: "false" }, {}],
    [{ kafkaTls: "ca.pem" }, { tls: { ca: "authority" } }],
    [
      { kafkaTls: "ca.pem", kafkaCert: "cert.pem", kafkaKey: "key.pem" },
      { tls: { ca: "authority", cert: "certificate", key: "key" } },
    ],
    [
      { kafkaUser: "u" },
      { sasl: { mechanism: "scram-sha-512", username: "u", password: "secret" } },
    ],
    [
      { kafkaUser: "u", kafkaSasl: "plain", kafkaPasswordFile: "password" },
      { sasl: { mechanism: "plain", username: "u", password: "from a file" } },
    ],
  ])("Kafka by %o", async (options, expected) => {
    expect(await read({ kafka, ...options }, env)).toEqual({ kafka: { brokers, ...expected } });
  });

  it.each<[StoreOptions, Record<string, string>, object]>([
    [{ redis: "redis://h:1" }, {}, { url: "redis://h:1" }],
    [{}, { TROUPE_REDIS: "redis://u:p@h:1" }, { url: "redis://u:p@h:1" }],
    [{ redis: "redis://h:1" }, { TROUPE_REDIS_PASSWORD: "p/@" }, { url: "redis://:p%2F%40@h:1" }],
    [{ redis: "redis://a:1,redis://b:2" }, {}, { urls: ["redis://a:1", "redis://b:2"] }],
    [
      { redis: "rediss://h:1", redisCa: "ca.pem" },
      {},
      { url: "rediss://h:1", tls: { ca: "authority" } },
    ],
  ])("Redis by %o and %o", async (options, environment, expected) => {
    expect(await read(options, environment)).toEqual({ redis: expected });
  });

  it.each<[StoreOptions, object]>([
    [{ s3: "s3://bucket" }, { bucket: "bucket", prefix: "" }],
    [
      { s3: "s3://bucket/a/b", s3Endpoint: "http://h:1" },
      { bucket: "bucket", prefix: "a/b", endpoint: "http://h:1" },
    ],
  ])("S3 by %o", async (options, expected) => {
    expect(await read(options)).toEqual({ s3: expected });
  });

  it("is told to people without passwords", async () => {
    const stores = await read(
      { kafka, kafkaUser: "u", s3: "s3://bucket" },
      { ...env, TROUPE_REDIS: "redis://:p@h:1" },
    );
    expect(describeStores(stores)).toBe(
      "journal: Kafka topic troupe-journal at a:1,b:2\nsnapshots: Redis at h:1\n" +
        "files and ended logs: bucket bucket at Amazon S3\n",
    );
  });
});

describe("what is refused, with what to write instead", () => {
  it.each<[StoreOptions, string]>([
    [{ kafkaTopic: "t" }, "without --kafka"],
    [{ kafka, kafkaUser: "u" }, "TROUPE_KAFKA_PASSWORD or --kafka-password-file"],
    [{ kafka, kafkaSasl: "plain" }, "want --kafka-user"],
    [{ kafka, kafkaCert: "cert.pem" }, "belong together"],
    [{ kafka, kafkaTls: "none.pem" }, '--kafka-tls "none.pem" cannot be read'],
    [{ redis: "redis://:secret@h:1" }, "takes no password"],
    [{ redis: "h:1" }, "wants redis://host:port"],
    [{ redisCa: "ca.pem" }, "without --redis"],
    [{ s3: "bucket" }, "s3://bucket/prefix"],
    [{ s3: "s3://bucket", s3Endpoint: "http://u:secret@h:1" }, "wants http://host:port"],
    [{ s3Endpoint: "http://h:1" }, "without --s3"],
  ])("%o", async (options, words) => {
    await expect(read(options)).rejects.toThrow(words);
    await expect(read(options)).rejects.not.toThrow("secret");
  });
});
