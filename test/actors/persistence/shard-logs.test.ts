/** Shard logs over the journal of a data folder: restarts, and two owners of one folder. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../../src/actors/kernel/index.ts";
import type { AppendRequest, Journal } from "../../../src/actors/persistence/journal.ts";
import {
  faultJournal,
  memoryJournal,
  openEmbeddedJournal,
} from "../../../src/actors/persistence/journals/index.ts";
import type { NodeShardLogs } from "../../../src/actors/persistence/shard-logs.ts";
import { event, quickLogs, replayLines } from "./shard-fixture.ts";

const SHARDS = 8;

describe("all shards of a node", () => {
  test("share one call to the journal", async () => {
    const journal = memoryJournal({ shards: SHARDS });
    const calls: number[] = [];
    const append = journal.append.bind(journal);
    journal.append = (requests: readonly AppendRequest[]) => {
      calls.push(requests.length);
      return append(requests);
    };
    const logs = quickLogs(journal);
    const open = await Promise.all(Array.from({ length: SHARDS }, (_, shard) => logs.open(shard)));
    calls.length = 0;
    await Promise.all(open.map((log) => log.commit("a", [event()]).confirmed));
    expect(calls).toEqual([SHARDS]);
  });

  test("one that cannot be served leaves the others alone", async () => {
    const journal = memoryJournal({ shards: 2 });
    const first = quickLogs(journal);
    for (const shard of [0, 1]) await (await first.open(shard)).commit("a", [event()]).confirmed;
    await journal.cut(0, 1);
    const logs = quickLogs(journal);
    await expect(logs.open(0)).rejects.toMatchObject({ code: "TROUPE_JOURNAL_CORRUPT" });
    expect((await logs.open(1)).entry("a")?.sequenceNumber).toBe(1);
  });

  test("keep their events through any faults, with many callers at once", async () => {
    const random = seededRandom(7);
    const rates = {
      "lost-ack": 0.05,
      late: 0.05,
      dropped: 0.05,
      duplicate: 0.05,
      displaced: 0.05,
      "read-error": 0.02,
    };
    const journal = faultJournal(memoryJournal({ shards: 4 }), { random, rates });
    const logs = quickLogs(journal, {
      options: { checkpointEveryEvents: 50, uncertainMaxMs: 60_000 },
    });
    const ids = Array.from({ length: 20 }, (_, index) => `account/${index}`);
    await Promise.all(
      ids.map(async (id) => {
        for (let number = 1; number <= 25; number++) {
          const log = await logs.open(logs.shardOf(id));
          const commit = log.commit(id, [event(`${number}`)]);
          expect(commit.firstSequenceNumber).toBe(number);
          await commit.confirmed;
        }
      }),
    );
    await journal.calm();
    const again = quickLogs(journal, { node: "node-b" });
    const expected = Array.from({ length: 25 }, (_, index) => `event ${index + 1} ${index + 1}`);
    for (const id of ids)
      expect(await replayLines(await again.open(again.shardOf(id)), id)).toEqual(expected);
  });
});

describe("on disk", () => {
  let directory: string;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "troupe-shards-"));
  });

  afterEach(async () => {
    await rm(directory, { recursive: true });
  });

  const open = (): Promise<Journal> =>
    openEmbeddedJournal({ directory, shards: SHARDS, segmentBytes: 65_536 });

  test("what was confirmed is there after every restart", async () => {
    const ids = Array.from({ length: 50 }, (_, index) => `account/${index}`);
    for (let restart = 0; restart < 4; restart++) {
      const journal = await open();
      const logs = quickLogs(journal, { options: { checkpointEveryEvents: 30 } });
      for (const id of ids) {
        const log = await logs.open(logs.shardOf(id));
        expect(log.entry(id)?.sequenceNumber ?? 0).toBe(restart * 2);
        void log.commit(id, [event("x".repeat(200)), event()]);
      }
      await logs.close();
      await journal.close();
    }
  });

  test("two that write to one folder fence each other: nothing acknowledged is lost or doubled", async () => {
    const journals = [await open(), await open()];
    const nodes = journals.map((journal, index) =>
      quickLogs(journal, {
        node: `node-${index}`,
        options: { reclaimsMax: 1_000, uncertainMaxMs: 60_000 },
      }),
    );
    const acked = new Set<string>();
    const ids = Array.from({ length: 12 }, (_, index) => `account/${index}`);
    const write = async (logs: NodeShardLogs, name: string, id: string): Promise<void> => {
      for (let round = 0; round < 15; round++) {
        const payload = `${name}-${id}-${round}`;
        try {
          const log = await logs.open(logs.shardOf(id));
          await log.commit(id, [event(payload)]).confirmed;
          acked.add(payload);
        } catch (error) {
          expect(error).toMatchObject({
            code: expect.stringMatching(/DEPOSED|NOT_SERVING|UNCERTAIN/),
          });
        }
      }
    };
    await Promise.all(
      nodes.flatMap((logs, index) => ids.map((id) => write(logs, `node-${index}`, id))),
    );
    await Promise.all(nodes.map((logs) => logs.close()));
    await Promise.all(journals.map((journal) => journal.close()));
    const journal = await open();
    const logs = quickLogs(journal);
    const stored: string[] = [];
    for (const id of ids) {
      const lines = await replayLines(await logs.open(logs.shardOf(id)), id);
      stored.push(...lines.map((line) => line.split(" ")[2] as string));
    }
    expect(new Set(stored).size).toBe(stored.length);
    expect([...acked].filter((payload) => !stored.includes(payload))).toEqual([]);
    expect(acked.size).toBeGreaterThan(50);
    await logs.close();
    await journal.close();
  });
});
