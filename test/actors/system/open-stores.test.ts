/** Stores by address: what cannot be meant is refused before anything is opened, and no client is loaded in vain. */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it, onTestFinished } from "vitest";
import { memoryJournal, memorySnapshotStore } from "../../../src/actors/persistence/index.ts";
import {
  createSystem,
  isTroupeError,
  type KafkaOptions,
  type SystemOptions,
  silentLogger,
} from "../../../src/index.ts";
import { failureOf } from "../persistence/entity-fixture.ts";

const kafka = { brokers: ["127.0.0.1:1"] };
const redis = { url: "redis://127.0.0.1:1" };

function fails(options: Partial<SystemOptions>): Promise<unknown> {
  return failureOf(createSystem({ name: "test", logger: silentLogger, ...options }));
}

describe("options that contradict each other", () => {
  const dataDir = join(tmpdir(), "troupe-never-made");
  const pairs: readonly (readonly [string, Partial<SystemOptions>])[] = [
    ["dataDir and kafka", { dataDir, kafka }],
    ["journal and kafka", { journal: memoryJournal(), kafka }],
    ["journal and dataDir", { journal: memoryJournal(), dataDir }],
    ["journal and shards", { journal: memoryJournal(), shards: 8 }],
    ["snapshots and redis", { dataDir, snapshots: memorySnapshotStore(), redis }],
    ["redis and a journal in memory", { redis }],
  ];
  it.each(pairs)("%s", async (names, options) => {
    const error = await fails(options);
    expect(isTroupeError(error, "TROUPE_OPTIONS_CONTRADICT") && error.message).toContain(names);
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe("options of a wrong kind", () => {
  const wrong: readonly (readonly [string, object])[] = [
    ["dataDir", { dataDir: 5 }],
    ["dataDir", { dataDir: "" }],
    ["dataDir", { dataDir: null }],
    ["journal", { journal: "./data" }],
    ["journal", { journal: {} }],
    ["snapshots", { snapshots: "redis://localhost" }],
    ["kafka", { kafka: "localhost:9092" }],
    ["redis", { dataDir: "x", redis: "redis://localhost" }],
    ["logger", { logger: console.log }],
    ["clock", { clock: Date }],
    ["random", { random: Math.random }],
    ["definitions", { definitions: {} }],
    ["stopOnSignals", { stopOnSignals: "SIGTERM" }],
    ["stopOnSignals", { stopOnSignals: ["SIGTERM", "BOGUS"] }],
    ["stopOnSignals", { stopOnSignals: ["SIGKILL"] }],
    // Whatever keeps the journal: here nothing, a folder, Kafka.
    ["shards", { shards: 0 }],
    ["shards", { shards: 1.5 }],
    ["shards", { shards: 1e9 }],
    ["shards", { shards: "64" }],
    ["shards", { shards: null }],
    ["shards", { dataDir: "never-made", shards: 0 }],
    ["shards", { kafka, shards: 65_536 }],
    ["limits.askTimeoutMs", { limits: { askTimeoutMs: -1 } }],
    ["limits.checkpointEveryEvents", { limits: { checkpointEveryEvents: 0 } }],
    // A bound of what is stored: fixed.
    ["limits", { limits: { payloadDepthMax: 10 } }],
    ["of createSystem", null as unknown as object],
  ];
  it.each(wrong)("%s: %o", async (option, options) => {
    const error = await failureOf(
      createSystem(options && { name: "test", logger: silentLogger, ...options }),
    );
    expect(isTroupeError(error, "TROUPE_OPTION_INVALID") && error.details.option).toBe(option);
  });

  // The folder above is there, and yet none can be made in it: Node's own recursive mkdir tries for ever.
  it.each(["/proc/nope", "/proc/nope/below", "/dev/null/below"])("%s", async (dataDir) => {
    expect(isTroupeError(await fails({ dataDir }), "TROUPE_JOURNAL_UNAVAILABLE")).toBe(true);
  });

  it("is told before a journal is opened", async () => {
    const dataDir = join(tmpdir(), "troupe-never-made");
    expect(isTroupeError(await fails({ name: "", dataDir }), "TROUPE_NAME_INVALID")).toBe(true);
    expect(existsSync(dataDir)).toBe(false);
  });
});

describe("options of kafka that cannot be meant", () => {
  const wrong: readonly (readonly [string, object])[] = [
    ["kafka.brokers", { brokers: [] }],
    ["kafka.brokers", { brokers: ["localhost"] }],
    ["kafka.brokers", { brokers: ["http://localhost:9092"] }],
    ["kafka.brokers", { brokers: ["localhost:9092", "localhost:99999"] }],
    ["kafka.topic", { ...kafka, topic: "no spaces" }],
    ["kafka.replicationFactor", { ...kafka, replicationFactor: 0 }],
    ["kafka.minInsyncReplicas", { ...kafka, replicationFactor: 1, minInsyncReplicas: 2 }],
    ["kafka.sasl.mechanism", { ...kafka, sasl: { mechanism: "SCRAM", username: "a" } }],
  ];
  it.each(wrong)("%s %o", async (option, options) => {
    const error = await fails({ kafka: options as KafkaOptions });
    expect(isTroupeError(error, "TROUPE_OPTION_INVALID") && error.details.option).toBe(option);
  });

  it.each(["[::1]:9092", "kafka-1.example.com:9092", "127.0.0.1:1"])(
    "%s is one",
    async (broker) => {
      const error = await fails({ kafka: { brokers: [broker], connectTimeoutMs: 1 } });
      expect(isTroupeError(error, "TROUPE_OPTION_INVALID")).toBe(false);
    },
  );
});

it("an embedded system loads neither Kafka's client nor Redis'", async () => {
  const folder = mkdtempSync(join(tmpdir(), "troupe-lean-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const entry = new URL("../../../dist/src/index.js", import.meta.url).href;
  const code = `
    import { createRequire } from "node:module";
    const { createSystem, definePersistentActor } = await import(${JSON.stringify(entry)});
    const system = await createSystem({ name: "lean", dataDir: ${JSON.stringify(folder)} });
    const loaded = (name) => Object.keys(createRequire("file:///").cache).some((path) => path.includes("node_modules/" + name + "/"));
    const before = ["kafkajs", "ioredis", "nact"].map(loaded);
    await createSystem({ name: "x", dataDir: ${JSON.stringify(folder)}, redis: { url: "redis://127.0.0.1:1", timeoutMs: 1, mustAnswer: true } }).catch(() => {});
    console.log(JSON.stringify({ before, ioredis: loaded("ioredis") }));
    await system.stop();
  `;
  const { stdout } = await promisify(execFile)(process.execPath, [
    "--input-type=module",
    "--eval",
    code,
  ]);
  // nact shows that the look is at the right place.
  expect(JSON.parse(stdout)).toEqual({ before: [false, false, true], ioredis: true });
});
