/** A journal copied into another: the same events, entities and states, also through faults and interruptions. */
import { expect, test } from "vitest";
import { seededRandom } from "../../../../src/actors/kernel/index.ts";
import {
  importJournal,
  type Journal,
  verifyJournal,
} from "../../../../src/actors/persistence/index.ts";
import { faultJournal, memoryJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { base, event, quickLogs, replayLines, tombstone } from "../shard-fixture.ts";
import { appendRaw, rawFrame } from "./raw-frames.ts";

const shards = 4;

/** Many entities with bases, deletions and new lives; a cut; two owners; late frames. */
async function source(): Promise<Journal> {
  const journal = memoryJournal({ shards });
  for (const node of ["node-a", "node-b"]) {
    const logs = quickLogs(journal, { node, options: { checkpointEveryEvents: 50 } });
    logs.provideBases((log, id) => {
      const sequenceNumber = log.entry(id)?.sequenceNumber ?? 0;
      return Promise.resolve({ sequenceNumber, event: base(`state ${id} ${sequenceNumber}`) });
    });
    for (let round = 0; round < 40; round++) {
      const committed = Array.from({ length: 10 }, async (_, number) => {
        const id = `a/${number}`;
        const log = await logs.open(logs.shardOf(id));
        const more = { open: round % 2 === 0, tags: ["t"], idempotencyKey: `${round}` };
        await log.commit(id, [event(`${round}`.padEnd(8_000), more), event("x")]).confirmed;
        if (round === 17 && number === 3)
          await log.commit(id, [tombstone(), event("new")]).confirmed;
        if (round === 30 && number === 4) await log.commit(id, [tombstone()]).confirmed;
      });
      await Promise.all(committed);
      if (round === 20) await logs.cut(true);
    }
    await logs.close();
  }
  await appendRaw(journal, rawFrame(journal, { term: 1, seq: 1_000, shard: 0 }), 0);
  return journal;
}

async function states(journal: Journal): Promise<Map<string, string[]>> {
  const logs = quickLogs(journal, { node: "reader" });
  const found = new Map<string, string[]>();
  for (let shard = 0; shard < shards; shard++) {
    const log = await logs.open(shard);
    for (const id of log.persistenceIds()) {
      const { sequenceNumber, open } = log.entry(id) ?? {};
      found.set(id, [`${sequenceNumber} ${open}`, ...(await replayLines(log, id))]);
    }
  }
  await logs.close();
  return new Map([...found].sort());
}

test("the copy holds the same events, last numbers and states, is sound, and goes on by itself", async () => {
  const original = await source();
  const copy = memoryJournal({ shards });
  const { copied, comparisons } = await importJournal(original, copy);
  expect(comparisons.map(({ difference }) => difference)).toEqual(Array(shards).fill(undefined));
  expect(copied).toBe(comparisons.reduce((sum, { contents }) => sum + contents.events, 0));
  expect((await verifyJournal(copy)).damages).toEqual([]);
  const [before, after] = [await states(original), await states(copy)];
  expect(after).toEqual(before);
  expect(after.size).toBeGreaterThan(8);
});

test("through appends of unknown fate, late and doubled ones", async () => {
  const original = await source();
  const inner = memoryJournal({ shards });
  const rates = { "lost-ack": 0.2, late: 0.1, dropped: 0.1, displaced: 0.1 };
  const copy = faultJournal(inner, { random: seededRandom(7), rates });
  const { comparisons } = await importJournal(original, copy);
  expect(comparisons.map(({ difference }) => difference)).toEqual(Array(shards).fill(undefined));
  expect((await verifyJournal(inner)).damages).toEqual([]);
});

/** Appends, as a process that is killed after so many; what it had in flight lands when `late` is called. */
function dying(inner: Journal, appends: number) {
  let left = appends;
  const inFlight: (() => Promise<unknown>)[] = [];
  const journal: Journal = {
    journalId: inner.journalId,
    shards: inner.shards,
    recordBytesMax: inner.recordBytesMax,
    tail: (shard) => inner.tail(shard),
    read: (shard, from, bytesMax) => inner.read(shard, from, bytesMax),
    readAt: (shard, position) => inner.readAt(shard, position),
    cut: (shard, before) => inner.cut(shard, before),
    close: () => inner.close(),
    append: (requests) => {
      left -= requests.length;
      if (left >= 0) return inner.append(requests);
      const kept = requests.map((request) => ({ ...request, bytes: Buffer.from(request.bytes) }));
      inFlight.push(() => inner.append(kept));
      return new Promise(() => {});
    },
  };
  return {
    journal,
    isDead: () => inFlight.length > 0,
    appended: () => appends - left,
    late: () => Promise.all(inFlight.map((land) => land())),
  };
}

test("goes on where a killed one has ended, whatever that one still had in flight", async () => {
  const original = await source();
  const whole = dying(memoryJournal({ shards }), 1_000_000);
  await importJournal(original, whole.journal);
  const all = whole.appended();
  expect(all).toBeGreaterThan(6);
  for (const appends of [1, 2, all >> 1, all - 2, all - 1]) {
    const copy = memoryJournal({ shards });
    const killed = dying(copy, appends);
    void importJournal(original, killed.journal);
    await waitUntil("the import is dead", killed.isDead);
    const again = importJournal(original, copy);
    await killed.late();
    const { comparisons } = await again;
    expect(comparisons.map(({ difference }) => difference)).toEqual(Array(shards).fill(undefined));
    expect((await verifyJournal(copy)).damages).toEqual([]);
  }
});

test("does not go on with what is not the beginning of its source", async () => {
  const copy = memoryJournal({ shards });
  await importJournal(await source(), copy);
  const other = memoryJournal({ shards });
  const logs = quickLogs(other);
  const log = await logs.open(logs.shardOf("a/1"));
  await log.commit("a/1", [event()]).confirmed;
  await expect(importJournal(other, copy)).rejects.toMatchObject({
    code: "TROUPE_JOURNAL_UNUSABLE",
    message: expect.stringContaining("is not the beginning of the source") as unknown,
  });
});
