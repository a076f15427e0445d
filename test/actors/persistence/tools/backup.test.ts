/** Backup beside writers, kill, restore: everything acknowledged before the backup is there, under another id. */
import { spawn } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import {
  backupJournal,
  openEmbeddedJournal,
  restoreJournal,
  verifyEmbeddedJournal,
} from "../../../../src/actors/persistence/index.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { failureOf, textOf } from "../journals/journal-work.ts";
import { base, event, quickLogs, replayLines } from "../shard-fixture.ts";

let folder: string;
let directory: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "troupe-backup-"));
  onTestFinished(() => rm(folder, { recursive: true, maxRetries: 3 }));
  directory = join(folder, "data", "journal");
  file = join(folder, "backup");
});

/** Actors that commit until they are stopped, in a journal of small files. */
async function busy() {
  const journal = await openEmbeddedJournal({ directory, shards: 4, segmentBytes: 16_384 });
  const logs = quickLogs(journal, { options: { checkpointEveryEvents: 40 } });
  logs.provideBases((log, id) => {
    const sequenceNumber = log.entry(id)?.sequenceNumber ?? 0;
    return Promise.resolve({ sequenceNumber, event: base(`state ${sequenceNumber}`) });
  });
  const acked = new Map<string, number>();
  let isOver = false;
  const actors = Array.from({ length: 12 }, async (_, number) => {
    const id = `a/${number}`;
    const log = await logs.open(logs.shardOf(id));
    for (let count = 1; !isOver; count++) {
      await log.commit(id, [event(`${count}`.padEnd(50))]).confirmed;
      acked.set(id, count);
    }
  });
  return {
    journal,
    logs,
    acked,
    stop: async (): Promise<void> => {
      isOver = true;
      await Promise.all(actors);
      await logs.close();
      await journal.close();
    },
  };
}

test("beside a writer that also cuts: sound, complete up to its beginning, and a journal of its own", async () => {
  const { journal, logs, acked, stop } = await busy();
  await waitUntil("much is written", () => (acked.get("a/0") ?? 0) > 200, { deadlineMs: 60_000 });
  const cutting = logs.cut(true);
  const before = new Map(acked);
  const report = await backupJournal(directory, file);
  await cutting;
  await stop();
  expect(report).toMatchObject({ journalId: journal.journalId });

  const restored = await restoreJournal(file, join(folder, "copy"), "journal");
  expect(restored.journalId).not.toBe(journal.journalId);
  expect((await verifyEmbeddedJournal(restored.directory)).damages).toEqual([]);
  const copy = await openEmbeddedJournal({ directory: restored.directory });
  expect(copy.journalId).toBe(restored.journalId);
  const copied = quickLogs(copy);
  for (const [id, count] of before) {
    const log = await copied.open(copied.shardOf(id));
    expect(log.entry(id)?.sequenceNumber, id).toBeGreaterThanOrEqual(count);
    expect((await replayLines(log, id)).length).toBeGreaterThan(0);
    // It goes on like any journal.
    await log.commit(id, [event("after the restore")]).confirmed;
  }
  await copied.close();
  await copy.close();
  expect((await verifyEmbeddedJournal(restored.directory)).damages).toEqual([]);
});

test("kill -9 after the backup: every record that was acknowledged before it is at its place", async () => {
  const program = fileURLToPath(new URL("../journals/journal-process.ts", import.meta.url));
  const args = ["--import", "tsx", program, directory, "writer", "60000"];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const acked: { shard: number; at: number; text: string }[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const match = /^ack (\d+) (\d+) (.+)$/.exec(line);
    if (match === null) return;
    acked.push({ shard: Number(match[1]), at: Number(match[2]), text: String(match[3]) });
  });
  await waitUntil("much is acknowledged", () => acked.length > 500, { deadlineMs: 60_000 });
  const before = acked.slice();
  await backupJournal(directory, file);
  const exited = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await exited;
  await rm(directory, { recursive: true });

  const restored = await restoreJournal(file, join(folder, "copy"), "journal");
  const copy = await openEmbeddedJournal({ directory: restored.directory, readOnly: true });
  onTestFinished(() => copy.close());
  for (const { shard, at, text } of before) {
    expect(textOf(await copy.readAt(shard, at))).toBe(text);
  }
});

test("a backup never replaces a file, and a failed one leaves nothing", async () => {
  const journal = await openEmbeddedJournal({ directory, shards: 2 });
  await journal.close();
  await writeFile(file, "precious");
  expect((await failureOf(backupJournal(directory, file))).code).toBe("TROUPE_OPTION_INVALID");
  expect(await readFile(file, "utf8")).toBe("precious");
  expect((await failureOf(backupJournal(join(folder, "nowhere"), `${file}-2`))).code).toBe(
    "TROUPE_JOURNAL_UNUSABLE",
  );
  expect((await readdir(folder)).sort()).toEqual(["backup", "data"]);
});

test("a restore refuses a folder with something in it, and backups that are not whole or too new", async () => {
  const { stop, acked } = await busy();
  await waitUntil("something is written", () => acked.size > 0);
  await stop();
  await backupJournal(directory, file);
  const whole = await readFile(file);
  const target = join(folder, "copy");
  const restore = async (): Promise<string> => {
    const { code, message } = await failureOf(restoreJournal(file, target, "journal"));
    return `${code} ${message}`;
  };

  for (let at = whole.indexOf("\n") + 1; at < whole.length; at += 5_003) {
    const bent = Buffer.from(whole);
    bent.writeUInt8(bent.readUInt8(at) ^ 1, at);
    await writeFile(file, bent);
    expect(await restore()).toContain("its checksum is wrong");
  }
  await writeFile(file, whole.subarray(0, -1));
  expect(await restore()).toContain("TROUPE_BACKUP_UNUSABLE");
  await writeFile(file, "");
  expect(await restore()).toContain("does not begin as a troupe-journal-backup does");
  const text = whole.toString("latin1").replace('"formatVersion":1', '"formatVersion":2');
  await writeFile(file, Buffer.from(text, "latin1"));
  expect(await restore()).toContain("format version 2, and this program knows 1: use a newer one");
  expect(await readdir(folder)).not.toContain("copy");

  await writeFile(file, whole);
  expect(
    (await failureOf(restoreJournal(file, join(folder, "data"), "journal"))).message,
  ).toContain("a folder that is empty or not there yet");
  await restoreJournal(file, target, "journal");
  expect(await restore()).toContain("which holds journal");
});
