/** The main job with its journal in Kafka and snapshots in Redis: the same commands, the same promises. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { kafkaBrokers } from "../support/kafka.ts";
import { ledgerOf, pipelineWithLedger } from "../support/ledger-pipeline.ts";
import { redisClient, redisForTest } from "../support/redis.ts";
import {
  runEnded,
  startAgent,
  startServer,
  temporaryFolder,
  troupe,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const { brokers } = kafkaBrokers();

function kafkaArgs(topic: string): string[] {
  return ["--kafka", brokers.join(","), "--kafka-topic", topic, "--kafka-replication", "1"];
}

describe("troupe dev on Kafka and Redis", () => {
  it("kill -9 of the server, a wiped Redis, a new start: the run goes on, no finished job runs again", async () => {
    const redis = await redisForTest();
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const { file, ledger, go } = pipelineWithLedger(folder);
    const topic = `main-job-${randomUUID()}`;
    const args = [...kafkaArgs(topic), "--redis", redis.url];
    const server = await startServer({ data, args });
    expect(server.stdout()).toContain(`journal: Kafka topic ${topic} at ${brokers.join(",")}`);
    expect(server.stdout()).toContain(`snapshots: Redis at 127.0.0.1:${redis.port}`);
    await startAgent(server, { name: "outside" });
    const submitted = await troupe(["submit", file, "--data", data, "--id", "r1"]);
    expect(submitted).toMatchObject({ code: 0, stderr: "" });
    await waitUntil("slow runs", () => ledgerOf(ledger).includes("slow 1"));

    await server.kill9();
    await redisClient(redis.url).flushall();
    await startServer({ data, listen: server.address, args });
    writeFileSync(go, "");

    const events = await runEnded(data, "r1");
    expect(events[0]).toMatchObject({ type: "run", status: "succeeded" });
    expect(ledgerOf(ledger)).toEqual(["first 1", "slow 1", "last 1"]);
  });

  it("troupe run keeps its journal there too; the folder then wants that journal and no other", async () => {
    const folder = temporaryFolder();
    const data = join(folder, "data");
    const { file, ledger, go } = pipelineWithLedger(folder);
    writeFileSync(go, "");
    const topic = `run-${randomUUID()}`;
    const run = (args: readonly string[]) =>
      troupe(["run", file, "--data", data, "--quiet", ...args]);
    expect(await run(kafkaArgs(topic))).toMatchObject({ code: 0 });
    expect(ledgerOf(ledger)).toEqual(["first 1", "slow 1", "last 1"]);

    const embedded = await run([]);
    expect(embedded.code).toBe(1);
    expect(embedded.stderr).toContain("the folder's journal is on a Kafka topic");
    const other = await run(kafkaArgs(`other-${randomUUID()}`));
    expect(other.stderr).toContain("the folder belongs to the journal");
    expect(ledgerOf(ledger)).toHaveLength(3);
  });
});
