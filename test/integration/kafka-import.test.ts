/** `troupe journal import` on a real broker: killed, gone on with, and served from there. */
import { randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { expect, test } from "vitest";
import { openKafkaJournal } from "../../src/actors/persistence/index.ts";
import { createSystem, definePersistentActor, silentLogger } from "../../src/index.ts";
import { kafkaBrokers } from "../support/kafka.ts";
import {
  runEnded,
  start,
  startServer,
  temporaryFolder,
  troupe,
  troupeJson,
} from "../support/troupe-process.ts";
import { waitUntil } from "../support/wait-until.ts";

const { brokers } = kafkaBrokers();

const Note = definePersistentActor("note", { initialState: () => ({ lines: 0 }) })
  .events({ written: (state, _text: string) => ({ lines: state.lines + 1 }) })
  .commands({ write: (note, text: string) => note.persist("written", text) });

/** A data folder with a finished run of a server, and so much beside it that a copy takes a while. */
async function filled(): Promise<{ data: string; folder: string; runId: string }> {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  const server = await startServer({ data, agents: 1 });
  writeFileSync(join(folder, "greet.yaml"), "name: greet\njobs:\n  hello:\n    run: echo hello\n");
  const env = { TROUPE_DATA: data };
  const [run] = await troupeJson<{ runId: string }>(["submit", "greet.yaml"], { cwd: folder, env });
  const runId = run?.runId ?? "";
  await runEnded(data, runId);
  server.signal("SIGTERM");
  await server.ended();
  const system = await createSystem({
    name: "notes",
    dataDir: data,
    definitions: [Note],
    logger: silentLogger,
  });
  const text = "x".repeat(4_000);
  for (let round = 0; round < 15; round++) {
    const writes = Array.from({ length: 150 }, (_, n) => system.actor(Note, `${n}`).write(text));
    await Promise.all(writes);
  }
  await system.stop();
  return { data, folder, runId };
}

async function recordsIn(topic: string): Promise<number> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  try {
    const offsets = await admin.fetchTopicOffsets(topic);
    return offsets.reduce((sum, { high }) => sum + Number(high), 0);
  } catch {
    // Not made yet.
    return 0;
  } finally {
    await admin.disconnect();
  }
}

test("an import that is killed is gone on with; then both are the same, and a server goes on from there", async () => {
  const { data, folder, runId } = await filled();
  const topic = `import-${randomUUID()}`;
  const kafka = ["--kafka", brokers.join(","), "--kafka-topic", topic];
  const args = ["journal", "import", "--data", data, ...kafka, "--kafka-replication", "1"];

  const killed = start(args);
  await waitUntil(
    "a part is copied",
    async () => (await recordsIn(topic)) > 8 || killed.child.exitCode !== null,
    { deadlineMs: 60_000, everyMs: 5 },
  );
  await killed.kill9();
  expect(killed.child.exitCode, killed.stderr()).toBeNull();
  const half = openKafkaJournal({ brokers, topic, replicationFactor: 1 });
  await expect(half).rejects.toMatchObject({
    code: "TROUPE_JOURNAL_UNUSABLE",
    message: expect.stringContaining("an import into it has not been finished") as unknown,
  });

  const again = await troupe(args);
  expect(again, again.stderr).toMatchObject({ code: 0 });
  expect(again.stderr).toContain("going on with an import that was interrupted");
  expect(again.stdout).toMatch(/^sound: 64 shards/m);
  expect(again.stdout).toMatch(/the same in both: \d+ events of \d+ entities/);
  const third = await troupe(args);
  expect(third).toMatchObject({ code: 1 });
  expect(third.stderr).toContain("an import into it has been finished");

  const verified = await troupe(["journal", "verify", ...kafka]);
  expect(verified, verified.stdout).toMatchObject({ code: 0 });
  const note = await troupe(["journal", "replay", "note/7", "--to", "2", "--no-state", ...kafka]);
  expect(note.stdout.split("\n").filter(Boolean)).toHaveLength(2);

  // Without --kafka the folder is refused now; with it the run is there, and new ones run.
  const alone = await troupe(["dev", "--data", data, "--listen", "127.0.0.1:0"]);
  expect(alone.stderr).toContain("the folder's journal is on a Kafka topic");
  await startServer({ data, agents: 1, args: [...kafka, "--kafka-replication", "1"] });
  const env = { TROUPE_DATA: data };
  const listed = await troupe(["ps"], { env });
  expect(listed.stdout).toContain(runId);
  const [run] = await troupeJson<{ runId: string }>(["submit", "greet.yaml"], { cwd: folder, env });
  const ended = await runEnded(data, run?.runId ?? "");
  expect(ended.find(({ type }) => type === "run")).toMatchObject({ status: "succeeded" });
});

test("a topic that holds something else is refused, and so is a running server's folder", async () => {
  const folder = temporaryFolder();
  const data = join(folder, "data");
  await startServer({ data });
  const topic = `import-${randomUUID()}`;
  await (await openKafkaJournal({ brokers, topic, replicationFactor: 1 })).close();
  const kafka = ["--kafka", brokers.join(","), "--kafka-topic", topic, "--kafka-replication", "1"];
  const running = await troupe(["journal", "import", "--data", data, ...kafka]);
  expect(running).toMatchObject({ code: 2 });
  expect(running.stderr).toContain("a server runs on");
  const other = temporaryFolder();
  const system = await createSystem({ name: "n", dataDir: other, logger: silentLogger });
  await system.stop();
  const taken = await troupe(["journal", "import", "--data", other, ...kafka]);
  expect(taken).toMatchObject({ code: 1 });
  expect(taken.stderr).toContain("it is a journal already; an import wants a topic of its own");
});
