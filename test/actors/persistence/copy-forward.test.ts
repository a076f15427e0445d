import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import type { Journal } from "../../../src/actors/persistence/journal.ts";
import {
  memoryJournal,
  openEmbeddedJournal,
} from "../../../src/actors/persistence/journals/index.ts";
import type { BaseSource, ShardLog } from "../../../src/actors/persistence/shard-log.ts";
import { waitUntil } from "../../support/wait-until.ts";
import {
  base,
  event,
  linesOf,
  quickLogs,
  recordsOf,
  replayLines,
  tombstone,
} from "./shard-fixture.ts";

/** Knows every entity: its state is the list of its events. */
const foldsAll: BaseSource = async (log, persistenceId) => {
  const entry = log.entry(persistenceId);
  if (entry === undefined) return undefined;
  const lines = await replayLines(log, persistenceId);
  return { sequenceNumber: entry.sequenceNumber, event: base(`[${lines.join()}]`) };
};

async function write(log: ShardLog, persistenceId: string, ...payloads: string[]): Promise<void> {
  for (const payload of payloads) await log.commit(persistenceId, [event(payload)]).confirmed;
}

async function lowOf(journal: Journal, shard = 0): Promise<number> {
  return (await journal.tail(shard)).low;
}

describe("a cut", () => {
  test("copies what lives, points to it, and only then lets the rest go", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal);
    const log = await logs.open(0);
    await write(log, "a", "1", "2");
    await write(log, "b", "1");
    logs.provideBases(foldsAll);
    await logs.cut(true);
    expect(await lowOf(journal)).toBe(4);
    expect(await linesOf(journal)).toEqual([
      "data 1 4 base(b:1)",
      "data 1 5 base(a:2)",
      "checkpoint 1 6",
      "data 1 7",
    ]);
    await write(log, "a", "3");
    const again = await quickLogs(journal, { node: "node-b" }).open(0);
    for (const of of [log, again]) {
      expect(await replayLines(of, "a")).toEqual(["base 2 [event 1 1,event 2 2]", "event 3 3"]);
      expect(await replayLines(of, "b")).toEqual(["base 1 [event 1 1]"]);
    }
  });

  test("copies a base that stands alone as it is, and asks nobody", async () => {
    const logs = quickLogs(memoryJournal({ shards: 1 }));
    const log = await logs.open(0);
    await write(log, "a", "1");
    const snapshot = { ...base("state"), open: true, wakeAtMs: 9, tags: ["t"] };
    await log.commit("a", [snapshot]).confirmed;
    const asked: string[] = [];
    logs.provideBases(async (_log, persistenceId) => {
      asked.push(persistenceId);
      return undefined;
    });
    await logs.cut(true);
    expect(asked).toEqual([]);
    expect(await replayLines(log, "a")).toEqual(["base 1 state"]);
    expect(log.entry("a")).toMatchObject({ open: true, wakeAtMs: 9, position: 3, from: 3 });
  });

  test("goes no further than an entity whose state cannot be had", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal);
    const log = await logs.open(0);
    await write(log, "a", "1", "2");
    await write(log, "unknown", "1");
    await write(log, "a", "3");
    logs.provideBases((of, id) =>
      id === "unknown" ? Promise.resolve(undefined) : foldsAll(of, id),
    );
    await logs.cut(true);
    expect(await lowOf(journal)).toBe(3);
    expect(await replayLines(log, "unknown")).toEqual(["event 1 1"]);
  });

  test("asks again for a state that newer events have overtaken", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal);
    const log = await logs.open(0);
    await write(log, "a", "1");
    let asked = 0;
    logs.provideBases(async (of, persistenceId) => {
      const state = await foldsAll(of, persistenceId);
      if (asked++ === 0) void log.commit("a", [event("2")]);
      return state;
    });
    await logs.cut(true);
    expect(asked).toBe(2);
    expect(await replayLines(log, "a")).toEqual(["base 2 [event 1 1,event 2 2]"]);
  });

  test("takes nothing that a replay under way will still read", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal, { options: { replayBufferBytes: 1 } });
    const log = await logs.open(0);
    await write(log, "a", "1", "2", "3");
    logs.provideBases(foldsAll);
    const lines: string[] = [];
    let cut: Promise<void> | undefined;
    await log.replay("a", ({ sequenceNumber }) => {
      cut ??= logs.cut(true);
      lines.push(`${sequenceNumber}`);
    });
    await cut;
    expect(lines).toEqual(["1", "2", "3"]);
    await logs.cut(true);
    expect(await lowOf(journal)).toBeGreaterThan(3);
  });

  test("forgets deleted entities; they may begin anew", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal);
    const log = await logs.open(0);
    await write(log, "a", "1", "2");
    await log.commit("a", [tombstone()]).confirmed;
    expect(log.entry("a")).toBeUndefined();
    expect([...log.persistenceIds()]).toEqual([]);
    logs.provideBases(foldsAll);
    await logs.cut(true);
    for (const { bytes } of await recordsOf(journal))
      expect(Buffer.from(bytes).includes("happened")).toBe(false);
    expect(log.commit("a", [event("new")]).firstSequenceNumber).toBe(1);
    await log.barrier();
    const again = await quickLogs(journal, { node: "node-b" }).open(0);
    expect(await replayLines(again, "a")).toEqual(["event 1 new"]);
  });

  test("a round cuts at the end of the round before: what has been busy since is not copied", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal);
    const log = await logs.open(0);
    await write(log, "resting", "1");
    const asked: string[] = [];
    logs.provideBases((of, id) => {
      asked.push(id);
      return foldsAll(of, id);
    });
    await logs.cut();
    expect(asked).toEqual([]);
    await log.commit("busy", [event("1"), base("s1")]).confirmed;
    await logs.cut();
    expect(asked).toEqual(["resting"]);
    expect(await lowOf(journal)).toBeGreaterThan(0);
  });

  test("becomes due by what the node has written", async () => {
    const journal = memoryJournal({ shards: 1 });
    const logs = quickLogs(journal, { options: { cutAfterBytes: 20_000 } });
    const log = await logs.open(0);
    logs.provideBases(foldsAllShortly);
    for (let round = 1; round <= 400; round++) {
      const events = [event("x".repeat(100)), ...(round % 50 === 0 ? [base("s")] : [])];
      await log.commit("a", events).confirmed;
    }
    await waitUntil("the log is cut", async () => (await lowOf(journal)) > 0);
    expect((await recordsOf(journal)).length).toBeLessThan(300);
    expect((await quickLogs(journal).open(0)).entry("a")?.sequenceNumber).toBe(400);
  });
});

test("a round is not due by what the one before has written itself", async () => {
  const journal = memoryJournal({ shards: 1 });
  let checkpoints = 0;
  const logs = quickLogs(journal, {
    options: { cutAfterBytes: 40_000 },
    observer: {
      checkpointed: () => {
        checkpoints += 1;
      },
    },
  });
  const log = await logs.open(0);
  const ids = Array.from({ length: 2_000 }, (_, number) => `thing/with-a-usual-id-${number}`);
  await Promise.all(ids.map((id) => log.commit(id, [event("x")]).confirmed));
  logs.provideBases(foldsAllShortly);
  for (let n = 0; n < 300; n++) {
    await write(log, "busy", "y");
    await new Promise((resolve) => setImmediate(resolve));
  }
  await logs.cut();
  expect(checkpoints).toBeLessThan(6);
});

test("what is written during a long round is not taken for copied: the next one is due no later for it", async () => {
  const journal = memoryJournal({ shards: 1 });
  const logs = quickLogs(journal, { options: { cutAfterBytes: 20_000 } });
  const log = await logs.open(0);
  await write(log, "resting", "1");
  const cuts = vi.spyOn(journal, "cut");
  let asked = 0;
  let goOn = (): void => {};
  const held = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  logs.provideBases(async (of, id) => {
    asked += 1;
    await held;
    return foldsAllShortly(of, id);
  });
  const write100 = async (): Promise<void> => {
    await write(log, "busy", ...Array.from({ length: 99 }, () => "x".repeat(100)));
    await log.commit("busy", [event("x"), base("s")]).confirmed;
  };
  const writesUntil = async (isEnough: () => boolean): Promise<number> => {
    let writes = 0;
    for (; writes < 5_000 && !isEnough(); writes += 100) await write100();
    return writes;
  };
  await writesUntil(() => asked > 0);
  expect(asked).toBe(1);
  for (let n = 0; n < 15; n++) await write100();
  cuts.mockClear();
  goOn();
  await waitUntil("the long round has ended", () => cuts.mock.calls.length > 0);
  // Four times what was written meanwhile would be far more.
  expect(await writesUntil(() => cuts.mock.calls.length > 1)).toBeLessThan(1_000);
});

const foldsAllShortly: BaseSource = async (log, persistenceId) => ({
  sequenceNumber: log.entry(persistenceId)?.sequenceNumber ?? 0,
  event: base("s"),
});

test("on disk: a shop that runs for long keeps a short log, and every balance", async () => {
  const directory = await mkdtemp(join(tmpdir(), "troupe-cut-"));
  const journal = await openEmbeddedJournal({ directory, shards: 4, segmentBytes: 131_072 });
  const logs = quickLogs(journal, { options: { cutAfterBytes: 200_000 } });
  logs.provideBases(foldsAllShortly);
  const open = await Promise.all([0, 1, 2, 3].map((shard) => logs.open(shard)));
  const logOf = (id: string): ShardLog => open[logs.shardOf(id)] as ShardLog;
  const ids = Array.from({ length: 40 }, (_, index) => `account/${index}`);
  const numbers = new Map<string, number>();
  for (let round = 0; round < 120; round++) {
    const busy = ids.filter((_, index) => (index * 7 + round) % 3 === 0);
    const commits = busy.map((id) => logOf(id).commit(id, [event("x".repeat(300))]));
    await Promise.all(commits.map(({ confirmed }) => confirmed));
    for (const [index, id] of busy.entries())
      numbers.set(id, commits[index]?.firstSequenceNumber ?? 0);
  }
  await logs.close();
  await journal.close();
  const files = await readdir(directory);
  const reopened = await openEmbeddedJournal({ directory, shards: 4 });
  const again = quickLogs(reopened);
  for (const [id, number] of numbers) {
    const log = await again.open(again.shardOf(id));
    expect(log.entry(id)?.sequenceNumber).toBe(number);
    expect((await replayLines(log, id)).at(-1)).toContain(String(number));
  }
  await again.close();
  await reopened.close();
  await rm(directory, { recursive: true });
  // 40 × 120 / 3 events of 300 bytes are more than four files of 128 KiB.
  expect(files.filter((name) => name.endsWith(".log")).length).toBeLessThan(5);
});
