/** Reading one entity. The cases of Pekko's JournalSpec are in `test/contracts/event-log-contract.ts`. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import type { Journal } from "../../../src/actors/persistence/journal.ts";
import {
  memoryJournal,
  openEmbeddedJournal,
} from "../../../src/actors/persistence/journals/index.ts";
import type { ShardLog } from "../../../src/actors/persistence/shard-log.ts";
import {
  base,
  codeOf,
  event,
  framesOf,
  quickLogs,
  recordsOf,
  replayLines,
  tombstone,
} from "./shard-fixture.ts";

describe("where a replay begins", () => {
  test("says whether it continues the caller's state or replaces it", async () => {
    const log = await quickLogs(memoryJournal({ shards: 1 })).open(0);
    await log.commit("p", [event("1"), event("2")]).confirmed;
    const origin = async (fromSequenceNumber?: number) =>
      (
        await log.replay(
          "p",
          () => {},
          fromSequenceNumber === undefined ? {} : { fromSequenceNumber },
        )
      ).origin;
    expect(await origin()).toBe("first");
    expect(await origin(2)).toBe("bound");
    expect(await origin(3)).toBe("bound");
    await log.commit("p", [base("2"), event("3")]).confirmed;
    expect(await origin()).toBe("base");
    expect(await origin(2)).toBe("base");
    expect(await origin(3)).toBe("bound");
    await log.commit("p", [tombstone()]).confirmed;
    await log.commit("p", [event("5")]).confirmed;
    expect(await origin(3)).toBe("first");
    expect(await replayLines(log, "p")).toEqual(["event 5 5"]);
  });

  test("time travel starts from the base that was there then", async () => {
    const log = await quickLogs(memoryJournal({ shards: 1 })).open(0);
    await log.commit("p", [event("1"), base("s1"), event("2"), event("3"), base("s3"), event("4")])
      .confirmed;
    await log.commit("p", [event("5"), base("s5")]).confirmed;
    expect(await replayLines(log, "p")).toEqual(["base 5 s5"]);
    expect(await replayLines(log, "p", { toSequenceNumber: 4 })).toEqual([
      "base 3 s3",
      "event 4 4",
    ]);
    expect(await replayLines(log, "p", { toSequenceNumber: 2 })).toEqual([
      "base 1 s1",
      "event 2 2",
    ]);
  });
});

describe("what a replay costs", () => {
  /** Counts what is read from here on. */
  function counted(journal: Journal) {
    const read = { bytes: 0, pages: 0, records: 0 };
    const readAt = journal.readAt.bind(journal);
    const readPage = journal.read.bind(journal);
    journal.readAt = async (shard, position) => {
      const record = await readAt(shard, position);
      read.bytes += record.bytes.length;
      read.records += 1;
      return record;
    };
    journal.read = async (...range) => {
      const page = await readPage(...range);
      read.pages += 1;
      for (const { bytes } of page.records) read.bytes += bytes.length;
      return page;
    };
    return { journal, read };
  }

  test.each([100, 4_000_000])(
    "one cold entity beside 10^5 other events, %i bytes of buffer: at most twice its own frames",
    async (replayBufferBytes) => {
      const { journal, read } = counted(memoryJournal({ shards: 1 }));
      const log = await quickLogs(journal, {
        options: { replayBufferBytes, frameCacheBytes: 0 },
      }).open(0);
      for (let round = 0; round < 50; round++) {
        await log.commit("cold", [event(`${round}`)]).confirmed;
        let last: Promise<void> | undefined;
        for (let index = 0; index < 2_000; index++) {
          last = log.commit(`other/${index % 100}`, [
            event("some payload of an ordinary size"),
          ]).confirmed;
        }
        await last;
      }
      const own = (await framesOf(journal)).filter((frame) => frame.bytes.includes("cold"));
      const ownBytes = own.reduce((sum, { bytes }) => sum + bytes.length, 0);
      Object.assign(read, { bytes: 0, pages: 0 });
      expect(await replayLines(log, "cold")).toHaveLength(50);
      expect(read.bytes).toBeLessThanOrEqual(2 * ownBytes);
      expect(read.pages).toBe(0);
    },
  );

  test("entities that walk back together read pages, and each frame about once", async () => {
    const { journal, read } = counted(memoryJournal({ shards: 1 }));
    const log = await quickLogs(journal).open(0);
    const ids = Array.from({ length: 20 }, (_, index) => `e/${index}`);
    for (let round = 0; round < 100; round++) {
      for (const id of ids) await log.commit(id, [event(`${round}`)]).confirmed;
    }
    const frames = await framesOf(journal);
    const bytes = frames.reduce((sum, frame) => sum + frame.bytes.length, 0);
    Object.assign(read, { bytes: 0, pages: 0, records: 0 });
    const replayed = await Promise.all(ids.map((id) => replayLines(log, id)));
    for (const lines of replayed) expect(lines).toHaveLength(100);
    expect(read.pages).toBeGreaterThan(0);
    expect(read.pages + read.records).toBeLessThan(frames.length / 10);
    expect(read.bytes).toBeLessThanOrEqual(1.2 * bytes);
  });

  test("so they do in a log in which the frames of many shards lie in turn", async () => {
    const directory = await mkdtemp(join(tmpdir(), "troupe-mingled-"));
    onTestFinished(() => rm(directory, { recursive: true }));
    const shards = 16;
    const embedded = await openEmbeddedJournal({ directory, shards });
    const { journal, read } = counted(embedded);
    const logs = quickLogs(journal);
    const open = await Promise.all(Array.from({ length: shards }, (_, shard) => logs.open(shard)));
    const ids = Array.from({ length: 20 }, (_, index) => `e/${index}`);
    for (let round = 0; round < 30; round++) {
      for (const id of ids) {
        await Promise.all(open.map((log) => log.commit(id, [event(`${round}`)]).confirmed));
      }
    }
    Object.assign(read, { bytes: 0, pages: 0, records: 0 });
    const [first] = open;
    const replayed = await Promise.all(ids.map((id) => replayLines(first as ShardLog, id)));
    for (const lines of replayed) expect(lines).toHaveLength(30);
    expect(read.pages).toBeGreaterThan(0);
    expect(read.pages + read.records).toBeLessThan((30 * ids.length) / 5);
    await logs.close();
    await journal.close();
  });

  test("entities that recover together fetch each frame once", async () => {
    const { journal, read } = counted(memoryJournal({ shards: 1 }));
    const log = await quickLogs(journal).open(0);
    const ids = Array.from({ length: 50 }, (_, index) => `e/${index}`);
    for (let round = 0; round < 20; round++) {
      await Promise.all(ids.map((id) => log.commit(id, [event()]).confirmed));
    }
    const sizes = (await framesOf(journal)).map((frame) => frame.bytes.length);
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    Object.assign(read, { bytes: 0 });
    for (const id of ids) expect(await replayLines(log, id)).toHaveLength(20);
    // A page may end with a frame that was there already.
    expect(read.bytes).toBeLessThanOrEqual(bytes + Math.max(...sizes));
  });

  test("10^5 events of one entity in bounded memory", async () => {
    const log = await quickLogs(memoryJournal({ shards: 1 }), {
      options: { replayBufferBytes: 50_000 },
    }).open(0);
    for (let frame = 0; frame < 1_000; frame++) {
      await log.commit(
        "p",
        Array.from({ length: 100 }, () => event("payload")),
      ).confirmed;
    }
    let expected = 1;
    await log.replay("p", ({ sequenceNumber }) => {
      expect(sequenceNumber).toBe(expected);
      expected += 1;
    });
    expect(expected).toBe(100_001);
  });
});

describe("a chain that does not hold", () => {
  test("is an error that names the place, never a shorter history", async () => {
    const journal = memoryJournal({ shards: 1 });
    const log = await quickLogs(journal).open(0);
    for (const number of [1, 2, 3]) await log.commit("p", [event(`${number}`)]).confirmed;
    const record = (await recordsOf(journal))[2];
    record?.bytes.set([255], 60);
    await expect(replayLines(log, "p")).rejects.toMatchObject({
      code: "TROUPE_JOURNAL_CORRUPT",
      message: expect.stringContaining("shard 0, position 2"),
    });
  });

  test("what the reader of an event throws is thrown on", async () => {
    const log = await quickLogs(memoryJournal({ shards: 1 })).open(0);
    await log.commit("p", [event()]).confirmed;
    const replay = log.replay("p", () => {
      throw new TypeError("a handler's fault");
    });
    await expect(replay).rejects.toThrow("a handler's fault");
    expect(await codeOf(log.barrier())).toBe("nothing was thrown");
  });
});

test("any history with bases and tombstones, through any frames, comes back as it was", async () => {
  const step = fc.record({
    entity: fc.constantFrom("a", "b", "c"),
    kinds: fc.array(
      fc.constantFrom("event" as const, "event" as const, "base" as const, "tombstone" as const),
      {
        minLength: 1,
        maxLength: 4,
      },
    ),
    awaits: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      const journal = memoryJournal({ shards: 1 });
      const options = { checkpointEveryEvents: 7, replayBufferBytes: 300, frameCacheBytes: 2_000 };
      const log = await quickLogs(journal, { options }).open(0);
      const expected = new Map<string, string[]>();
      const numbers = new Map<string, number>();
      for (const { entity, kinds, awaits } of steps) {
        for (const kind of kinds) {
          const number = (numbers.get(entity) ?? 0) + (kind === "base" ? 0 : 1);
          numbers.set(entity, number);
          if (kind !== "event") expected.set(entity, []);
          if (kind !== "tombstone")
            expected.set(entity, [...(expected.get(entity) ?? []), `${kind} ${number}`]);
        }
        const { confirmed } = log.commit(
          entity,
          kinds.map((kind) => event("", { kind })),
        );
        if (awaits) await confirmed;
      }
      await log.barrier();
      const again = await quickLogs(journal, { node: "node-b" }).open(0);
      for (const [entity, lines] of expected) {
        expect(await replayLines(log, entity)).toEqual(lines);
        expect(await replayLines(again, entity)).toEqual(lines);
        expect(again.entry(entity)).toEqual(log.entry(entity));
      }
    }),
    { numRuns: 300 },
  );
});
