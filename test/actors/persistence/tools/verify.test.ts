/** `verify` finds each planted damage, names its place, and finds nothing in logs that are only lively. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import {
  beginPart,
  endPart,
  writeEntry,
} from "../../../../src/actors/persistence/checkpoint-codec.ts";
import { FrameWriter } from "../../../../src/actors/persistence/frame.ts";
import {
  backupJournal,
  type Journal,
  type JournalProof,
  openEmbeddedJournal,
  verifyEmbeddedJournal,
  verifyJournal,
} from "../../../../src/actors/persistence/index.ts";
import { memoryJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { RecordJudge } from "../../../../src/actors/persistence/record-judge.ts";
import type { ShardOwner } from "../../../../src/actors/persistence/shard-owner.ts";
import { base, event, quickLogs, recordsOf, tombstone } from "../shard-fixture.ts";
import { journalFiles } from "./journal-files.ts";
import { appendRaw, rawFrame } from "./raw-frames.ts";

/** "" = sound. */
function textOf({ damages }: JournalProof): string {
  return damages.map(({ where, problem }) => `${where}: ${problem}`).join("\n");
}

async function damageOf(journal: Journal): Promise<string> {
  return textOf(await verifyJournal(journal));
}

/** A shard with entities, a deletion, bases and a checkpoint; its owner is gone. */
async function lively(): Promise<Journal> {
  const journal = memoryJournal({ shards: 1 });
  const logs = quickLogs(journal, { options: { checkpointEveryEvents: 20 } });
  const log = await logs.open(0);
  for (let round = 0; round < 30; round++) {
    await Promise.all(
      ["a/1", "a/2", "b/é"].map((id) => log.commit(id, [event(`${round}`), event("x")]).confirmed),
    );
    if (round % 7 === 3) await log.commit("a/1", [base(`state ${round}`)]).confirmed;
    if (round === 11) await log.commit("a/2", [tombstone()]).confirmed;
  }
  await (log as ShardOwner).checkpoint({ full: true });
  await log.commit("a/1", [event("after", { open: true, wakeAtMs: 5 })]).confirmed;
  await logs.close();
  return journal;
}

async function standOf(journal: Journal) {
  const judge = new RecordJudge({ journalId: journal.journalId, shard: 0 });
  const records = await recordsOf(journal);
  for (const record of records) judge.take(record);
  return { ...judge.state, last: records.at(-1)?.position ?? 0 };
}

test("a lively log is sound: checkpoints, bases, deletions, copies, take-overs, late frames", async () => {
  const journal = await lively();
  const { term, nonce, seq } = await standOf(journal);
  const records = await recordsOf(journal);
  await appendRaw(journal, records[5]?.bytes ?? new Uint8Array());
  const successor = await quickLogs(journal, { node: "node-b" }).open(0);
  await successor.commit("a/2", [event("anew")]).confirmed;
  await appendRaw(journal, rawFrame(journal, { term, nonce, seq: seq + 1 }));
  const { shards } = await verifyJournal(journal);
  expect(shards).toMatchObject([
    { damage: undefined, entities: 3, skipped: { repeated: 1, "older-term": 1 } },
  ]);
});

test("a log that was cut is sound, and so is one that was cut and taken over", async () => {
  const journal = memoryJournal({ shards: 1 });
  for (const node of ["node-a", "node-b"]) {
    const logs = quickLogs(journal, { node });
    logs.provideBases((log, id) => {
      const entry = log.entry(id);
      const sequenceNumber = entry?.sequenceNumber ?? 0;
      return Promise.resolve({ sequenceNumber, event: base(`state ${id}`) });
    });
    const log = await logs.open(0);
    for (let round = 0; round < 20; round++) {
      await log.commit("a/1", [event(`${round}`)]).confirmed;
      await log.commit(`a/${round}`, [event("x")]).confirmed;
      if (round % 6 === 5) await logs.cut(round % 12 === 5);
    }
    await logs.close();
    expect((await journal.tail(0)).low).toBeGreaterThan(0);
    expect(await damageOf(journal), node).toBe("");
  }
});

test("a forged frame: another one with a number that was used, or of a claim that is not there", async () => {
  const journal = await lively();
  const { term, nonce, seq, last } = await standOf(journal);
  const next = { id: "a/1", sequenceNumber: 999, previous: last };
  await appendRaw(journal, rawFrame(journal, { term, nonce, seq }, [next]));
  expect(await damageOf(journal)).toMatch(/position \d+: a second frame \d+ of term 1 .* forged/);

  const other = await lively();
  const at = await standOf(other);
  await appendRaw(other, rawFrame(other, { term: at.term, nonce: at.nonce + 1, seq: at.seq + 1 }));
  expect(await damageOf(other)).toContain("an owner whose claim did not count");
});

test("a forged frame that counts: its event breaks the row, the chain, or stands in the wrong shard", async () => {
  for (const [forged, told] of [
    [{ id: "a/1", sequenceNumber: 999 }, /event 999 of a\/1 follows event 61/],
    [
      { id: "a/1", sequenceNumber: 62, previous: 3 },
      /event 62 of a\/1 says that the one before it is at position 3/,
    ],
    [
      { id: "c/new", sequenceNumber: 2, previous: -1 },
      /event 2 of c\/new is the entity's first one/,
    ],
  ] as const) {
    const journal = await lively();
    const { term, nonce, seq, last } = await standOf(journal);
    const row = { previous: last, ...forged };
    const at = await appendRaw(journal, rawFrame(journal, { term, nonce, seq: seq + 1 }, [row]));
    const damage = await damageOf(journal);
    expect(damage).toMatch(told);
    expect(damage).toContain(`shard 0, position ${at}`);
  }
});

test("a frame that is missing", async () => {
  const journal = await lively();
  const { term, nonce, seq } = await standOf(journal);
  const at = await appendRaw(journal, rawFrame(journal, { term, nonce, seq: seq + 2 }));
  expect(await damageOf(journal)).toBe(
    `shard 0, position ${at}: the frame before this one is missing`,
  );
});

test("a wrong directory entry in a checkpoint, whether a recovery would use it or not", async () => {
  const journal = await lively();
  const { term, nonce, seq, last } = await standOf(journal);
  const writer = new FrameWriter({ journalId: journal.journalId, shard: 0, node: "node-a" });
  beginPart(writer);
  const entry = { position: last, from: last, open: true, wakeAtMs: 5, deleted: false };
  writeEntry(writer, "a/1", { ...entry, sequenceNumber: 64 });
  endPart(writer, { first: true, last: true, full: true, previous: -1 });
  const bytes = writer.seal({
    kind: "checkpoint",
    term,
    nonce,
    seq: seq + 1,
    confirmedCheckpoint: -1,
    clusterView: 1,
  });
  const at = await appendRaw(journal, bytes);
  expect(await damageOf(journal)).toBe(
    `shard 0, position ${at}: a checkpoint says of a/1 that its last number is 64, but the events say 61`,
  );
});

test("a pointer to a checkpoint that does not exist", async () => {
  const journal = await lively();
  const { term, nonce, seq } = await standOf(journal);
  await appendRaw(
    journal,
    rawFrame(journal, { term, nonce, seq: seq + 1, confirmedCheckpoint: 2 }),
  );
  expect(await damageOf(journal)).toMatch(
    /points to a checkpoint that ends at position 2, and none does/,
  );
});

test("an entity that a checkpoint has left out", async () => {
  const journal = await lively();
  const { term, nonce, seq } = await standOf(journal);
  const writer = new FrameWriter({ journalId: journal.journalId, shard: 0, node: "node-a" });
  beginPart(writer);
  endPart(writer, { first: true, last: true, full: true, previous: -1 });
  const numbers = { term, nonce, confirmedCheckpoint: -1, clusterView: 1 };
  const at = await appendRaw(
    journal,
    writer.seal({ ...numbers, kind: "checkpoint", seq: seq + 1 }),
  );
  await appendRaw(
    journal,
    rawFrame(journal, { ...numbers, seq: seq + 2, confirmedCheckpoint: at }),
  );
  expect(await damageOf(journal)).toMatch(
    new RegExp(`position ${at}: a recovery does not know (a|b)/`),
  );
});

async function onDisk(): Promise<{ directory: string; files: string[] }> {
  const directory = await mkdtemp(join(tmpdir(), "troupe-verify-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return { directory, files: await journalFiles(directory) };
}

async function diskDamage(directory: string): Promise<string> {
  return textOf(await verifyEmbeddedJournal(directory));
}

test("files that are whole", async () => {
  const { directory } = await onDisk();
  expect(await diskDamage(directory)).toBe("");
});

test("a flipped bit anywhere in a full file is found, with file and place", async () => {
  const { directory, files } = await onDisk();
  const path = files[1] as string;
  const whole = await readFile(path);
  for (let at = 0; at < whole.length; at += 331) {
    const bent = Buffer.from(whole);
    bent.writeUInt8(bent.readUInt8(at) ^ (1 << (at % 8)), at);
    await writeFile(path, bent);
    expect(await diskDamage(directory), `bit in byte ${at}`).toContain(path);
  }
});

test("a file that is missing, at the beginning or between, is named", async () => {
  const { directory, files } = await onDisk();
  const [first, second] = files as [string, string];
  const kept = await readFile(first);
  await rm(first);
  expect(await diskDamage(directory)).toContain("are missing, and nothing was ever cut");
  await writeFile(first, kept);
  await rm(second);
  expect(await diskDamage(directory)).toContain(
    `${second.slice(directory.length + 1)}, is missing`,
  );
});

test("a last file that is missing cannot be told from a crash before it was made: no damage, and named", async () => {
  const { directory, files } = await onDisk();
  const last = files.at(-1) as string;
  await rm(last);
  const proof = await verifyEmbeddedJournal(directory);
  expect(textOf(proof)).toBe("");
  expect(proof.files?.missingNext).toBe(last.slice(directory.length + 1));
});

test("a journal.json that tells of other shards than the log", async () => {
  const { directory, files } = await onDisk();
  const path = join(directory, "journal.json");
  const text = await readFile(path, "utf8");
  for (const shards of [1, 4]) {
    // As the first journals had it: without a checksum.
    const plain = text.replace(/,\s*"checksum": \d+/, "");
    await writeFile(path, plain.replace('"shards": 2', `"shards": ${shards}`));
    const damage = await diskDamage(directory);
    expect(damage, `${shards}`).toContain(files[0]);
    expect(damage).toContain(
      shards === 4
        ? "the summary there tells of 2 shards, and journal.json says 4"
        : "no shard 1 exists",
    );
  }
});

test("a journal.json that is lost beside the log, to all who only look", async () => {
  const { directory } = await onDisk();
  const path = join(directory, "journal.json");
  await rm(path);
  const lost = {
    code: "TROUPE_JOURNAL_CORRUPT",
    details: {
      where: path,
      problem: "it is missing beside a log that holds records; restore it from a backup",
    },
  };
  await expect(verifyEmbeddedJournal(directory)).rejects.toMatchObject(lost);
  await expect(openEmbeddedJournal({ directory, readOnly: true })).rejects.toMatchObject(lost);
  const backup = join(directory, "backup");
  await expect(backupJournal(directory, backup)).rejects.toMatchObject(lost);
});
