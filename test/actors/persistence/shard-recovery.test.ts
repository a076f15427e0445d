import { crc32 } from "node:zlib";
import { describe, expect, test } from "vitest";
import { silentLogger, systemClock, systemRandom } from "../../../src/actors/kernel/index.ts";
import { AppendLane } from "../../../src/actors/persistence/append-lane.ts";
import { beginPart, endPart, readPart } from "../../../src/actors/persistence/checkpoint-codec.ts";
import { readEvents } from "../../../src/actors/persistence/event-codec.ts";
import { FrameReader, FrameWriter } from "../../../src/actors/persistence/frame.ts";
import { FrameCache } from "../../../src/actors/persistence/frame-cache.ts";
import type { Journal, Position } from "../../../src/actors/persistence/journal.ts";
import type { JournalObserver } from "../../../src/actors/persistence/journal-observer.ts";
import { faultJournal, memoryJournal } from "../../../src/actors/persistence/journals/index.ts";
import {
  aloneView,
  protocolRules,
  type ShardContext,
} from "../../../src/actors/persistence/shard-context.ts";
import { ShardFrames } from "../../../src/actors/persistence/shard-frames.ts";
import type { ShardLog } from "../../../src/actors/persistence/shard-log.ts";
import { defaultShardLogsOptions } from "../../../src/actors/persistence/shard-logs-options.ts";
import { recoverShard } from "../../../src/actors/persistence/shard-recovery.ts";
import { WalkPace } from "../../../src/actors/persistence/walk-pace.ts";
import { codeOf, event, framesOf, quickLogs, recordsOf } from "./shard-fixture.ts";

/** Opens the shard as a new process would, and says what that took. */
async function recover(
  journal: Journal,
  node = "node-b",
): Promise<{ log: ShardLog; events: number; entities: number }> {
  const seen = { events: 0, entities: 0 };
  const observer: JournalObserver = {
    recovered: (_shard, { events, entities }) => Object.assign(seen, { events, entities }),
  };
  const log = await quickLogs(journal, { node, observer }).open(0);
  return { log, ...seen };
}

async function write(
  log: ShardLog,
  count: number,
  id = (index: number): string => `e/${index % 5}`,
) {
  for (let index = 0; index < count; index++)
    await log.commit(id(index), [event(`${index}`)]).confirmed;
}

const eager = { checkpointEveryEvents: 10, checkpointFullEvery: 3 };

describe("checkpoints", () => {
  test("a recovery reads the newest one and sweeps only what lies behind it", async () => {
    const journal = memoryJournal({ shards: 1 });
    const log = await quickLogs(journal, { options: eager }).open(0);
    await write(log, 57);
    const checkpoints = (await framesOf(journal)).filter(({ kind }) => kind === "checkpoint");
    expect(checkpoints.map((frame) => readPart(frame).full)).toEqual([
      true,
      false,
      false,
      true,
      false,
    ]);
    const { log: again, events, entities } = await recover(journal);
    expect(events).toBeLessThan(10);
    expect(entities).toBe(5);
    for (let index = 0; index < 5; index++)
      expect(again.entry(`e/${index}`)).toEqual(log.entry(`e/${index}`));
  });

  test("one that needs many frames goes out between the commits, and holds what was confirmed meanwhile", async () => {
    const journal = memoryJournal({ shards: 1 });
    const options = { checkpointEveryEvents: 300, checkpointPartBytes: 400 };
    const log = await quickLogs(journal, { options }).open(0);
    const ids = Array.from({ length: 300 }, (_, index) => `entity/${index}`);
    await Promise.all(ids.map((id) => log.commit(id, [event()]).confirmed));
    for (const id of ids.slice(0, 40)) await log.commit(id, [event()]).confirmed;
    const kinds = (await framesOf(journal)).map(({ kind }) => kind).join(" ");
    expect(kinds).toContain("checkpoint data checkpoint data checkpoint");
    const { log: again, events } = await recover(journal);
    expect(events).toBeLessThan(300);
    for (const id of ids) expect(again.entry(id)).toEqual(log.entry(id));
  });

  test("a crash at any place: what is recovered is what the whole log says", async () => {
    // Slow enough that data always waits while a part of a checkpoint is in flight.
    const memory = memoryJournal({ shards: 1 });
    const journal: Journal = {
      ...bound(memory),
      append: async (requests) => {
        await turnOfTheLoop();
        return memory.append(requests);
      },
    };
    const options = { checkpointEveryEvents: 6, checkpointFullEvery: 3, checkpointPartBytes: 220 };
    const log = await quickLogs(journal, { options }).open(0);
    const writers = Array.from({ length: 5 }, async (_, writer) => {
      for (let round = 0; round < 40; round++) {
        const id = writer < 2 ? `busy/${writer}` : `rare/${(writer * 40 + round) % 17}`;
        await log.commit(id, [event(), event()]).confirmed;
      }
    });
    await Promise.all(writers);
    await log.barrier();
    const records = await recordsOf(journal);
    const told = new Map<string, number>();
    const partial = memoryJournal({ shards: 1 });
    Object.defineProperty(partial, "journalId", { value: journal.journalId });
    for (const { position, bytes } of records) {
      await partial.append([{ shard: 0, expected: position, bytes }]);
      const frame = new FrameReader(journal.journalId, 0).read(bytes);
      if (typeof frame === "string") throw new Error(frame);
      const events = frame.kind === "data" ? readEvents(frame, position) : [];
      for (const { persistenceId, sequenceNumber } of events)
        told.set(persistenceId, sequenceNumber);
      const { directory } = await recoverShard(contextOf(partial));
      for (const [id, number] of told) expect(directory.entry(id)?.sequenceNumber).toBe(number);
    }
  });

  test("its pointer goes out at once, so that an idle shard is quickly recovered too", async () => {
    const journal = memoryJournal({ shards: 1 });
    const log = await quickLogs(journal, { options: { checkpointEveryEvents: 10 } }).open(0);
    await write(log, 10);
    await expect
      .poll(async () => (await framesOf(journal)).at(-1)?.confirmedCheckpoint)
      .toBeGreaterThan(0);
    expect((await recover(journal)).events).toBe(0);
  });

  test("a late one of a deposed owner is not trusted: nobody saw it confirmed", async () => {
    const journal = memoryJournal({ shards: 1 });
    const old = await quickLogs(journal, { node: "old" }).open(0);
    await write(old, 3);
    const { log } = await recover(journal, "new");
    await write(log, 20);
    // The old owner's checkpoint lands after all: empty, as the directory was when it was sealed.
    const writer = new FrameWriter({ journalId: journal.journalId, shard: 0, node: "old" });
    beginPart(writer);
    endPart(writer, { first: true, last: true, full: true, previous: -1 });
    const [claim] = await framesOf(journal);
    const { term = 0, nonce = 0 } = claim ?? {};
    const bytes = writer.seal({
      kind: "checkpoint",
      term,
      nonce,
      seq: 4,
      confirmedCheckpoint: -1,
      clusterView: 1,
    });
    await journal.append([{ shard: 0, expected: 0, bytes }]);
    const { log: again } = await recover(journal, "newest");
    expect(again.entry("e/0")).toEqual(log.entry("e/0"));
  });
});

test("late copies at the end may point to a checkpoint that adds to one which was cut away since", async () => {
  const journal = memoryJournal({ shards: 1 });
  const logs = quickLogs(journal, { options: { checkpointEveryEvents: 10 } });
  const log = await logs.open(0);
  await write(log, 12);
  let late: Awaited<ReturnType<typeof framesOf>>[number] | undefined;
  logs.provideBases(async (of, id) => {
    if (late === undefined) {
      // While the copying goes on a checkpoint falls due; it still adds to the one below the cut.
      await write(log, 12, () => "busy");
      late = (await framesOf(journal)).at(-1);
    }
    const sequenceNumber = of.entry(id)?.sequenceNumber ?? 0;
    return { sequenceNumber, event: event("", { kind: "base" }) };
  });
  await logs.cut(true);
  expect(late?.confirmedCheckpoint).toBeGreaterThan((await journal.tail(0)).low);
  for (let copy = 0; copy < 70; copy++) {
    await journal.append([{ shard: 0, expected: 0, bytes: late?.bytes ?? Buffer.alloc(0) }]);
  }
  const { log: again } = await recover(journal);
  for (const id of ["e/0", "e/4", "busy"]) expect(again.entry(id)).toEqual(log.entry(id));
});

describe("a log that does not add up is an error, never an empty shard", () => {
  test("one that starts above zero and points to no checkpoint", async () => {
    const journal = memoryJournal({ shards: 1 });
    const log = await quickLogs(journal).open(0);
    await write(log, 10);
    await journal.cut(0, 4);
    await expect(quickLogs(journal).open(0)).rejects.toMatchObject({
      code: "TROUPE_JOURNAL_CORRUPT",
      message: expect.stringContaining("no frame in it points to a checkpoint"),
    });
  });

  test("a frame with a wrong checksum", async () => {
    const journal = memoryJournal({ shards: 1 });
    const log = await quickLogs(journal).open(0);
    await write(log, 5);
    const record = (await recordsOf(journal))[3];
    if (record !== undefined) record.bytes[50] = (record.bytes[50] ?? 0) ^ 1;
    expect(await codeOf(quickLogs(journal).open(0))).toBe("TROUPE_JOURNAL_CORRUPT");
  });

  test("a frame of a newer version is no damage, and is never written behind", async () => {
    const journal = memoryJournal({ shards: 1 });
    const log = await quickLogs(journal).open(0);
    await write(log, 5);
    const writer = new FrameWriter({ journalId: journal.journalId, shard: 0, node: "newer" });
    const numbers = { term: 2, nonce: 1, seq: 0, confirmedCheckpoint: -1, clusterView: 1 };
    const bytes = writer.seal({ ...numbers, kind: "claim" });
    bytes.writeUInt8(2, 4);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    await journal.append([{ shard: 0, expected: 0, bytes }]);
    const { end } = await journal.tail(0);
    await expect(quickLogs(journal).open(0)).rejects.toMatchObject({
      code: "TROUPE_JOURNAL_UNUSABLE",
      message: expect.stringContaining("written by a newer version of this program") as unknown,
    });
    expect((await journal.tail(0)).end).toBe(end);
  });

  test("the answer is remembered for a while: a damaged log is not read for every call", async () => {
    const journal = memoryJournal({ shards: 1 });
    await write(await quickLogs(journal).open(0), 10);
    await journal.cut(0, 4);
    const logs = quickLogs(journal);
    const first = await logs.open(0).catch((error: unknown) => error);
    expect(await logs.open(0).catch((error: unknown) => error)).toBe(first);
  });
});

test("frames of another journal, of another shard and of nobody are passed over and counted", async () => {
  const journal = memoryJournal({ shards: 1 });
  const log = await quickLogs(journal).open(0);
  await write(log, 2);
  const foreign = new FrameWriter({ journalId: "ff".repeat(16), shard: 0, node: "x" });
  const numbers = {
    kind: "claim",
    term: 99,
    nonce: 1,
    seq: 0,
    confirmedCheckpoint: -1,
    clusterView: 1,
  } as const;
  await journal.append([{ shard: 0, expected: 0, bytes: foreign.seal(numbers) }]);
  await journal.append([{ shard: 0, expected: 0, bytes: Buffer.from("junk") }]);
  const skipped: [Position, string][] = [];
  const observer: JournalObserver = {
    frameSkipped: (_shard, position, reason) => skipped.push([position, reason]),
  };
  const again = await quickLogs(journal, { observer }).open(0);
  expect(again.entry("e/1")?.sequenceNumber).toBe(1);
  expect(skipped).toEqual([
    [3, "foreign"],
    [4, "not-a-frame"],
  ]);
});

test("somebody who cuts during the recovery makes it start over, not fail", async () => {
  const inner = memoryJournal({ shards: 1 });
  const logs = quickLogs(inner, { options: { checkpointEveryEvents: 10 } });
  const log = await logs.open(0);
  await write(log, 60);
  let cuts = 0;
  const journal: Journal = {
    ...bound(inner),
    read: async (shard, from, bytesMax) => {
      // Between the look at the extent and the first read behind it.
      if (cuts++ === 0) {
        logs.provideBases(async (of, id) => ({
          sequenceNumber: of.entry(id)?.sequenceNumber ?? 0,
          event: event("", { kind: "base" }),
        }));
        await logs.cut(true);
      }
      return inner.read(shard, from, bytesMax);
    },
  };
  const { log: again } = await recover(journal);
  expect(cuts).toBeGreaterThan(1);
  expect(again.entry("e/3")).toEqual(log.entry("e/3"));
});

test("reads that fail for the moment are tried again", async () => {
  const journal = faultJournal(memoryJournal({ shards: 1 }));
  await write(await quickLogs(journal).open(0), 10);
  journal.next("read-error", "short-read", "read-error", "read-error", "short-read");
  const { log } = await recover(journal);
  expect(log.entry("e/4")?.sequenceNumber).toBe(2);
});

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function contextOf(journal: Journal): ShardContext {
  return {
    shard: 0,
    journal,
    identity: { journalId: journal.journalId, shard: 0, node: "reader" },
    lane: new AppendLane(journal, { ...defaultShardLogsOptions, clock: systemClock }),
    frames: new ShardFrames({
      journal,
      shard: 0,
      cache: new FrameCache(0),
      pageBytes: defaultShardLogsOptions.framePageBytes,
      pace: new WalkPace(systemClock, defaultShardLogsOptions.sliceMs),
    }),
    views: aloneView,
    rules: protocolRules(3),
    options: defaultShardLogsOptions,
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    observer: {},
  };
}

function bound(journal: Journal): Journal {
  return {
    journalId: journal.journalId,
    shards: journal.shards,
    recordBytesMax: journal.recordBytesMax,
    tail: (shard) => journal.tail(shard),
    append: (requests) => journal.append(requests),
    read: (shard, from, bytesMax) => journal.read(shard, from, bytesMax),
    readAt: (shard, position) => journal.readAt(shard, position),
    cut: (shard, before) => journal.cut(shard, before),
    close: () => journal.close(),
  };
}
