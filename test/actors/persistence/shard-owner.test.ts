import { beforeEach, describe, expect, test } from "vitest";
import {
  type FaultJournal,
  faultJournal,
  memoryJournal,
} from "../../../src/actors/persistence/journals/index.ts";
import type { ShardLog } from "../../../src/actors/persistence/shard-log.ts";
import type { NodeShardLogs } from "../../../src/actors/persistence/shard-logs.ts";
import { codeOf, event, framesOf, linesOf, quickLogs, replayLines } from "./shard-fixture.ts";

let journal: FaultJournal;
let logs: NodeShardLogs;
let log: ShardLog;

beforeEach(async () => {
  journal = faultJournal(memoryJournal({ shards: 2 }), { lateStepsMax: 6 });
  logs = quickLogs(journal);
  log = await logs.open(0);
});

/** A process that shares nothing with the first one but the journal. */
async function recovered(): Promise<ShardLog> {
  return quickLogs(journal, { node: "node-b" }).open(0);
}

describe("group commit", () => {
  test("numbers are given at once, and an idle shard sends at once", async () => {
    const first = log.commit("a", [event("1"), event("2")]);
    const second = log.commit("a", [event("3")]);
    expect([first.firstSequenceNumber, second.firstSequenceNumber]).toEqual([1, 3]);
    expect(log.entry("a")).toBeUndefined();
    await second.confirmed;
    expect(log.entry("a")).toMatchObject({ sequenceNumber: 3, position: 1, from: 1 });
    expect(await linesOf(journal)).toEqual(["claim 1 0", "data 1 1 a:1 a:2 a:3"]);
  });

  test("what comes while a frame is in flight shares the next frame and its promise", async () => {
    const release = journal.hold();
    const first = log.commit("a", [event()]);
    await turnOfTheLoop();
    const second = log.commit("b", [event()]);
    const third = log.commit("a", [event()]);
    expect(second.confirmed).toBe(third.confirmed);
    expect(first.confirmed).not.toBe(second.confirmed);
    const order: string[] = [];
    void first.confirmed.then(() => order.push("first"));
    void third.confirmed.then(() => order.push("third"));
    release();
    await third.confirmed;
    expect(order).toEqual(["first", "third"]);
    expect(await linesOf(journal)).toEqual(["claim 1 0", "data 1 1 a:1", "data 1 2 b:1 a:2"]);
  });

  test("frames stay small, and a group stays whole", async () => {
    const large = event("x".repeat(400_000));
    const commits = [
      log.commit("a", [large, large]),
      log.commit("b", [large, large]),
      log.commit("c", [event()]),
    ];
    await Promise.all(commits.map(({ confirmed }) => confirmed));
    expect(await linesOf(journal)).toEqual([
      "claim 1 0",
      "data 1 1 a:1 a:2",
      "data 1 2 b:1 b:2 c:1",
    ]);
  });

  test("what cannot be stored is refused before it takes a number", async () => {
    log.commit("a", [event()]);
    const huge = event("x".repeat(5_000_000));
    const large = event("x".repeat(3_000_000));
    expect(await codeOf(() => log.commit("a", [event(), huge]))).toBe("TROUPE_EVENT_TOO_LARGE");
    expect(await codeOf(() => log.commit("a", [large, large, large]))).toBe(
      "TROUPE_EVENT_TOO_LARGE",
    );
    expect(await codeOf(() => log.commit("a", [event("", { type: "\ud800" })]))).toBe(
      "TROUPE_PAYLOAD_INVALID",
    );
    expect(await codeOf(() => log.commit("", [event()]))).toBe("TROUPE_NAME_INVALID");
    expect(await codeOf(() => log.commit("x".repeat(3_000), [event()]))).toBe(
      "TROUPE_NAME_INVALID",
    );
    const { firstSequenceNumber, confirmed } = log.commit("a", [event()]);
    await confirmed;
    expect(firstSequenceNumber).toBe(2);
    expect(await replayLines(log, "a")).toEqual(["event 1", "event 2"]);
  });

  test("while too much waits for the journal, more is refused", async () => {
    const small = quickLogs(journal, { node: "node-c", options: { stagedBytesMax: 2_000 } });
    const bounded = await small.open(1);
    const release = journal.hold();
    const commits = [bounded.commit("a", [event()])];
    await turnOfTheLoop();
    for (let index = 0; index < 3; index++)
      commits.push(bounded.commit("a", [event("x".repeat(700))]));
    expect(await codeOf(() => bounded.commit("a", [event()]))).toBe("TROUPE_SHARD_BUSY");
    release();
    await Promise.all(commits.map(({ confirmed }) => confirmed));
    expect(bounded.commit("a", [event()]).firstSequenceNumber).toBe(5);
  });
});

describe("reads", () => {
  test("an idle shard proves itself by an empty frame", async () => {
    await log.barrier();
    expect(await linesOf(journal)).toEqual(["claim 1 0", "data 1 1"]);
  });

  test("a frame that was already on its way proves nothing", async () => {
    const release = journal.hold();
    const commit = log.commit("a", [event()]);
    await turnOfTheLoop();
    const read = log.barrier();
    expect(read).not.toBe(commit.confirmed);
    expect(log.barrier()).toBe(read);
    release();
    await read;
    expect(await linesOf(journal)).toEqual(["claim 1 0", "data 1 1 a:1", "data 1 2"]);
  });
});

describe("an answer that says nothing", () => {
  test.each(["lost-ack", "dropped", "late", "duplicate", "displaced"] as const)(
    "%s: the commit is confirmed, and counts once",
    async (fault) => {
      journal.next(fault);
      const first = log.commit("a", [event("1")]);
      const second = log.commit("a", [event("2")]);
      await second.confirmed;
      await first.confirmed;
      await log.commit("a", [event("3")]).confirmed;
      await journal.step(10);
      await log.commit("a", [event("4")]).confirmed;
      const again = await recovered();
      expect(again.entry("a")?.sequenceNumber).toBe(4);
      expect(await replayLines(again, "a")).toEqual([
        "event 1 1",
        "event 2 2",
        "event 3 3",
        "event 4 4",
      ]);
    },
  );

  test("what is sent again is the same frame", async () => {
    journal.next("lost-ack", "lost-ack", "lost-ack");
    await log.commit("a", [event()]).confirmed;
    const copies = (await framesOf(journal)).filter(({ seq }) => seq === 1);
    expect(copies.length).toBeGreaterThan(0);
    for (const { bytes } of copies) expect(bytes).toEqual(copies[0]?.bytes);
  });

  test("a fate that stays unknown ends the claim: unknown for what was sent, not done for what waited", async () => {
    const lost: unknown[] = [];
    logs.onDeposed((shard, error) => lost.push([shard, (error as { code: string }).code]));
    journal.next(...Array.from({ length: 400 }, () => "dropped" as const));
    const sent = log.commit("a", [event()]);
    await turnOfTheLoop();
    const waited = log.commit("b", [event()]);
    expect(await codeOf(sent.confirmed)).toBe("TROUPE_JOURNAL_UNCERTAIN");
    expect(await codeOf(waited.confirmed)).toBe("TROUPE_SHARD_NOT_SERVING");
    expect(lost).toEqual([[0, "TROUPE_JOURNAL_UNCERTAIN"]]);
    expect(await codeOf(() => log.commit("a", [event()]))).toBe("TROUPE_SHARD_NOT_SERVING");
    expect(await codeOf(log.barrier())).toBe("TROUPE_SHARD_NOT_SERVING");
  });
});

describe("a refusal", () => {
  test("is certain: the callers are told so, and the shard is claimed again", async () => {
    journal.next("refused");
    const refused = log.commit("a", [event("1")]);
    expect(await codeOf(refused.confirmed)).toBe("TROUPE_JOURNAL_REFUSED");
    const next = await logs.open(0);
    expect(next).not.toBe(log);
    const { firstSequenceNumber, confirmed } = next.commit("a", [event("1")]);
    await confirmed;
    expect(firstSequenceNumber).toBe(1);
    expect(await linesOf(journal)).toEqual(["claim 1 0", "claim 2 0", "data 2 1 a:1"]);
  });

  test("proves nothing about a copy that was sent before", async () => {
    journal.next("late", "refused", "none");
    await log.commit("a", [event("1")]).confirmed;
    await journal.step(10);
    expect((await recovered()).entry("a")?.sequenceNumber).toBe(1);
  });
});

describe("another owner", () => {
  test("deposes this one: its frame is void, its callers are told", async () => {
    await log.commit("a", [event("1")]).confirmed;
    const other = await recovered();
    await other.commit("a", [event("2 of b")]).confirmed;
    expect(await codeOf(log.commit("a", [event("2 of a")]).confirmed)).toBe("TROUPE_SHARD_DEPOSED");
    const again = await quickLogs(journal, { node: "node-c" }).open(0);
    expect(await replayLines(again, "a")).toEqual(["event 1 1", "event 2 2 of b"]);
  });

  test("that cut the gap away leaves the outcome unknown", async () => {
    await log.commit("a", [event("1")]).confirmed;
    const others = quickLogs(journal, { node: "node-b" });
    const other = await others.open(0);
    others.provideBases(async () => ({ sequenceNumber: 1, event: event("1", { kind: "base" }) }));
    await others.cut(true);
    await other.commit("a", [event("2")]).confirmed;
    expect(await codeOf(log.commit("a", [event("2")]).confirmed)).toBe("TROUPE_JOURNAL_UNCERTAIN");
    expect((await logs.open(0)).entry("a")?.sequenceNumber).toBe(2);
  });

  test("is no reason to give up when it has only left junk behind", async () => {
    await journal.append([{ shard: 0, expected: 0, bytes: Buffer.from("what is this?") }]);
    await log.commit("a", [event("1")]).confirmed;
    expect(await linesOf(journal)).toEqual(["claim 1 0", "data 1 1 a:1"]);
  });
});

test("an acknowledged frame that has vanished is an error that names its place, never a shorter log", async () => {
  await log.commit("a", [event("1")]).confirmed;
  await log.commit("a", [event("2")]).confirmed;
  await log.commit("a", [event("3")]).confirmed;
  const records = await framesOf(journal);
  const holed = memoryJournal({ shards: 2 });
  Object.defineProperty(holed, "journalId", { value: journal.journalId });
  for (const { bytes, seq } of records) {
    if (seq !== 2) await holed.append([{ shard: 0, expected: 0, bytes }]);
  }
  const opening = quickLogs(holed).open(0);
  await expect(opening).rejects.toMatchObject({
    code: "TROUPE_JOURNAL_CORRUPT",
    message: expect.stringContaining("shard 0, position 2: the frame before this one is missing"),
  });
});

test("closing sends what waits", async () => {
  const commit = log.commit("a", [event("1")]);
  await logs.close();
  await commit.confirmed;
  expect(await codeOf(logs.open(0))).toBe("TROUPE_SHARD_NOT_SERVING");
  expect(await linesOf(journal)).toEqual(["claim 1 0", "data 1 1 a:1"]);
});

function turnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
