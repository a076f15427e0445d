/**
 * What every journal must hold together with the protocol above it: the tests of Pekko's JournalSpec, and those that a
 * log with fencing adds. The journal contract holds what a store promises by itself; this one holds what an actor's
 * events get from it. The fault adapter stands between the two and makes the trouble.
 *
 * | case | test here, or where else |
 * |---|---|
 * | JournalSpec 1-10: bounds of a replay | "1. …" to "10. …" |
 * | 11 an unknown id | "11. …" |
 * | 12, 15-18, 22 after a deletion (here: a base replaces a prefix, and the log is cut) | "12. …" to "22. …" |
 * | 13, 14 the highest number stays | "13. …", "14. …" |
 * | 19 what cannot be stored is refused alone | "19. …"; with its path: `entity-turns.test.ts` |
 * | 20, 21 an event and all that was said of it come back | "20. …" |
 * | persistAll is atomic | "a group of events …"; over crashes: `entity-crash.test.ts`, `power-cut.test.ts` |
 * | JournalPerfSpec | "JournalPerfSpec …": 10,000 events; 10 rounds and Pekko's 10 s each in `npm run ci:long` (RF 3: 60 s) |
 * | stale writer | "a stale writer …" |
 * | two writers | "two writers …"; two processes: `two-processes.test.ts`, `kafka-failures.test.ts` |
 * | ack lost, retry after an unknown outcome | "an acknowledgement that is lost …" |
 * | late append | "an append that lands late …" |
 * | duplicate | "an append that lands twice …" |
 * | certain refusal | "a refusal …" |
 * | crash between append and ack | "a crash between …"; real `kill -9`: `entity-crash.test.ts`, `two-processes.test.ts` |
 * | 10^6 events in bounded memory | "a cold entity …" (embedded, RF 3: 10^6), and "… records …" in the journal contract |
 * | a cold entity beside 10^6 other events | "a cold entity …" (memory, Kafka with one broker: 10^5); snapshot wiped, stale, foreign: `redis-recovery.test.ts` |
 * | cut during a replay | "a cut during a replay …"; during a shard's recovery: `shard-recovery.test.ts` |
 * | isolation of two ids on one shard | "two ids …" |
 * | power cut | `power-cut.test.ts` (any subset of the pages since the last sync) |
 * | full disk, EIO | `embedded-disk-trouble.test.ts`, `storage-trouble.test.ts` (a real small disk) |
 * | broker killed mid-batch, leader frozen, min ISR | `kafka-failures.test.ts` |
 */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../src/actors/kernel/index.ts";
import { EntityFilter } from "../../src/actors/persistence/event-codec.ts";
import type { Journal } from "../../src/actors/persistence/journal.ts";
import { type FaultJournal, faultJournal } from "../../src/actors/persistence/journals/index.ts";
import type { ReplayBounds, ShardLog } from "../../src/actors/persistence/shard-log.ts";
import type { NodeShardLogs } from "../../src/actors/persistence/shard-logs.ts";
import { ShardReading } from "../../src/actors/persistence/tools/shard-reading.ts";
import {
  base,
  codeOf,
  event,
  framesOf,
  quickLogs,
  replayLines,
} from "../actors/persistence/shard-fixture.ts";

export interface EventLogSubject {
  /** A new, empty journal. */
  create(): Promise<{ readonly journal: Journal; dispose(): Promise<void> }>;
  /** Events beside a cold entity. */
  readonly otherEvents: number;
  /** Limit of one round of JournalPerfSpec when it is held to time. Default: Pekko's 10 s. */
  readonly perfLimitMs?: number;
}

const perfEvents = 10_000;
/** Above 1 only where nothing else runs: then the time limit holds too. */
const perfRounds = Number(process.env["TROUPE_PERF_ROUNDS"] ?? 1);

export function eventLogContract(name: string, subject: EventLogSubject): void {
  describe(`event log contract: ${name}`, () => {
    let store: Awaited<ReturnType<EventLogSubject["create"]>>;
    let journal: FaultJournal;
    const opened: NodeShardLogs[] = [];
    let log: ShardLog;

    function logsOf(node: string, over: Journal = journal): NodeShardLogs {
      const logs = quickLogs(over, { node, options: { uncertainMaxMs: 20_000 } });
      opened.push(logs);
      return logs;
    }

    /** Before each test events 1 to 5 are written, 4 and 5 in one commit. */
    beforeEach(async () => {
      store = await subject.create();
      journal = faultJournal(store.journal, { random: seededRandom(1) });
      log = await logsOf("node-a").open(0);
      for (const number of [1, 2, 3]) await log.commit("p", [event(`a-${number}`)]).confirmed;
      await log.commit("p", [event("a-4"), event("a-5")]).confirmed;
    });

    afterEach(async () => {
      await journal.calm();
      await Promise.all(opened.splice(0).map((logs) => logs.close()));
      await store.dispose();
    });

    journalSpec(() => ({ log, logs: opened[0] as NodeShardLogs, logsOf }));

    test("a group of events stands in one frame: all or none", async () => {
      const before = (await framesOf(journal)).length;
      await log.commit(
        "p",
        Array.from({ length: 50 }, (_, number) => event(`${number}`)),
      ).confirmed;
      expect((await framesOf(journal)).length).toBe(before + 1);
    });

    test("two ids on one shard do not see each other's events, however alike they are", async () => {
      await log.commit("pp", [event("b-1")]).confirmed;
      await log.commit("q", [event("c-1")]).confirmed;
      expect(await replayLines(log, "p")).toHaveLength(5);
      expect(await replayLines(log, "pp")).toEqual(["event 1 b-1"]);
    });

    test("a stale writer is told so, and nothing that it writes counts", async () => {
      const successor = await logsOf("node-b").open(0);
      await successor.commit("p", [event("b-6")]).confirmed;
      expect(await codeOf(log.commit("p", [event("stale")]).confirmed)).toBe(
        "TROUPE_SHARD_DEPOSED",
      );
      await successor.commit("p", [event("b-7")]).confirmed;
      const lines = await replayLines(successor, "p", { fromSequenceNumber: 6 });
      expect(lines).toEqual(["event 6 b-6", "event 7 b-7"]);
    });

    test("two writers that race lose and double nothing that was acknowledged", async () => {
      const acked: string[] = [];
      const write = async (node: string): Promise<void> => {
        const logs = logsOf(node);
        for (let count = 0; count < 15; count++) {
          const text = `${node}-${count}`;
          try {
            await (await logs.open(0)).commit("p", [event(text)]).confirmed;
            acked.push(text);
          } catch {
            // Not acknowledged: it may be there or not.
          }
        }
      };
      await Promise.all([write("node-b"), write("node-c")]);
      const lines = await replayLines(await logsOf("node-d").open(0), "p");
      const texts = lines.map((line) => line.split(" ")[2]);
      for (const text of acked) expect(texts.filter((one) => one === text)).toHaveLength(1);
      expect(lines.map((line) => Number(line.split(" ")[1]))).toEqual(lines.map((_, n) => n + 1));
      expect(new Set(texts).size).toBe(texts.length);
    });

    test.each([
      ["an acknowledgement that is lost", ["lost-ack"]],
      [
        "an acknowledgement that is lost twice, and a retry that is dropped",
        ["lost-ack", "dropped", "lost-ack"],
      ],
      ["an append that never lands", ["dropped", "dropped"]],
      ["an append that lands late", ["late"]],
      ["an append that lands twice", ["duplicate"]],
      ["an append with somebody else's record before it", ["displaced"]],
    ] as const)(
      "%s: the caller hears the truth, and the event is there once",
      async (_name, faults) => {
        journal.next(...faults);
        await log.commit("p", [event("a-6")]).confirmed;
        await journal.calm();
        await log.commit("p", [event("a-7")]).confirmed;
        const again = await logsOf("node-b").open(0);
        const lines = await replayLines(again, "p", { fromSequenceNumber: 6 });
        expect(lines).toEqual(["event 6 a-6", "event 7 a-7"]);
      },
    );

    test("a refusal is certain: the caller may repeat, and nothing was stored", async () => {
      journal.next("refused");
      expect(await codeOf(log.commit("p", [event("refused")]).confirmed)).toBe(
        "TROUPE_JOURNAL_REFUSED",
      );
      const again = await logsOf("node-b").open(0);
      expect(await replayLines(again, "p", { fromSequenceNumber: 5 })).toEqual(["event 5 a-5"]);
    });

    test("a crash between append and ack: the event is there once, and numbers go on behind it", async () => {
      const dying = deafAfter(journal);
      const writer = await quickLogs(dying.journal, { node: "node-b" }).open(0);
      dying.deafen();
      void writer.commit("p", [event("b-6")]);
      await dying.landed;
      const again = await logsOf("node-c").open(0);
      expect(await replayLines(again, "p", { fromSequenceNumber: 6 })).toEqual(["event 6 b-6"]);
      expect(again.commit("p", [event("c-7")]).firstSequenceNumber).toBe(7);
    });

    test("a cut during a replay takes nothing from it", async () => {
      const logs = opened[0] as NodeShardLogs;
      logs.provideBases((of, id) =>
        Promise.resolve({
          sequenceNumber: of.entry(id)?.sequenceNumber ?? 0,
          event: base("state"),
        }),
      );
      for (let number = 6; number <= 60; number++) {
        await log.commit("p", [event(`a-${number}`)]).confirmed;
      }
      const replayed = replayLines(log, "p");
      await logs.cut(true);
      expect(await replayed).toHaveLength(60);
      expect(await replayLines(log, "p")).toEqual(["base 60 state"]);
    });

    journalPerfSpec(() => ({ log, logsOf }), subject.perfLimitMs ?? 10_000);

    test(`a cold entity beside ${subject.otherEvents} other events is read by at most twice its own frames; all are recovered in bounded memory`, async () => {
      const rounds = 20;
      for (let round = 0; round < rounds; round++) {
        await log.commit("cold", [event(`${round}`)]).confirmed;
        let last: Promise<void> | undefined;
        for (let index = 0; index < subject.otherEvents / rounds; index++) {
          last = log.commit(`other/${index % 100}`, [event("an ordinary payload")]).confirmed;
          if (index % 2_000 === 1_999) await last;
        }
        await last;
      }
      const ownBytes = await bytesOfEntity(journal, "cold");
      const counting = countingReads(journal);
      const before = process.memoryUsage().rss;
      const again = await logsOf("node-b", counting.journal).open(0);
      const grown = process.memoryUsage().rss - before;
      expect(grown, "bytes of memory").toBeLessThan(128 * 1024 * 1024);
      Object.assign(counting.read, { bytes: 0, pages: 0 });
      expect(await replayLines(again, "cold")).toHaveLength(rounds);
      expect(counting.read.bytes).toBeGreaterThan(0);
      expect(counting.read.bytes).toBeLessThanOrEqual(2 * ownBytes);
      expect(counting.read.pages).toBe(0);
    });
  });
}

interface Fixture {
  readonly log: ShardLog;
  readonly logs: NodeShardLogs;
  readonly logsOf: (node: string) => NodeShardLogs;
}

function journalSpec(fixture: () => Fixture): void {
  const from = (fromSequenceNumber: number): ReplayBounds => ({ fromSequenceNumber });
  const to = (toSequenceNumber: number): ReplayBounds => ({ toSequenceNumber });

  test.each<[string, ReplayBounds, readonly number[]]>([
    ["1. all messages", {}, [1, 2, 3, 4, 5]],
    ["2. a lower bound", from(3), [3, 4, 5]],
    ["3. an upper bound", to(3), [1, 2, 3]],
    ["4. a count limit", { eventsMax: 3 }, [1, 2, 3]],
    ["5. lower and upper bound", { ...from(2), ...to(3) }, [2, 3]],
    ["6. lower and upper bound and count limit", { ...from(2), ...to(5), eventsMax: 2 }, [2, 3]],
    ["7. a single one, lower equals upper", { ...from(2), ...to(2) }, [2]],
    ["8. a single one, count limit 1", { ...from(2), ...to(4), eventsMax: 1 }, [2]],
    ["9. nothing, count limit 0", { eventsMax: 0 }, []],
    ["10. nothing, lower above upper", { ...from(3), ...to(2) }, []],
    ["a lower bound above everything", from(6), []],
  ])("JournalSpec %s", async (_name, bounds, numbers) => {
    const { log } = fixture();
    const lines = numbers.map((number) => `event ${number} a-${number}`);
    expect(await replayLines(log, "p", bounds)).toEqual(lines);
    expect(await log.replay("p", () => {}, bounds)).toMatchObject({ highestSequenceNumber: 5 });
  });

  test("JournalSpec 11. nothing of an entity that has not written", async () => {
    const { log } = fixture();
    expect(await replayLines(log, "unknown")).toEqual([]);
    expect(await log.replay("unknown", () => {})).toEqual({
      highestSequenceNumber: 0,
      origin: "first",
    });
  });

  describe("after the prefix up to 5 was replaced by a base, 6 and 7 were written, and the log was cut", () => {
    beforeEach(async () => {
      const { log, logs } = fixture();
      await log.commit("p", [base("state 5")]).confirmed;
      await log.commit("p", [event("a-6"), event("a-7")]).confirmed;
      logs.provideBases(async () => undefined);
      await logs.cut(true);
    });

    test.each<[string, ReplayBounds, readonly string[]]>([
      ["12. not what was deleted", {}, ["base 5 state 5", "event 6 a-6", "event 7 a-7"]],
      [
        "15. what survives, lower equals the last deleted",
        from(5),
        ["base 5 state 5", "event 6 a-6", "event 7 a-7"],
      ],
      ["16. nothing, upper within the deleted prefix", to(2), []],
      ["17. the state, upper equals the last deleted", to(5), ["base 5 state 5"]],
      ["18. lower equals the first surviving", from(6), ["event 6 a-6", "event 7 a-7"]],
      [
        "22. a window that spans the deleted prefix",
        { ...from(1), ...to(6) },
        ["base 5 state 5", "event 6 a-6"],
      ],
    ])("JournalSpec %s", async (_name, bounds, lines) => {
      expect(await replayLines(fixture().log, "p", bounds)).toEqual(lines);
    });

    test("JournalSpec 13. the highest number stays", async () => {
      const { log } = fixture();
      expect(await log.replay("p", () => {}, to(2))).toEqual({
        highestSequenceNumber: 7,
        origin: "cut",
      });
      expect(log.commit("p", [event()]).firstSequenceNumber).toBe(8);
    });
  });

  test("JournalSpec 14. the highest number stays when everything was replaced and cut", async () => {
    const { log, logs, logsOf } = fixture();
    await log.commit("p", [base("state 5")]).confirmed;
    logs.provideBases(async () => undefined);
    await logs.cut(true);
    expect(await replayLines(log, "p", from(6))).toEqual([]);
    expect(await log.replay("p", () => {})).toEqual({ highestSequenceNumber: 5, origin: "base" });
    const again = await logsOf("node-b").open(0);
    expect(await replayLines(again, "p")).toEqual(["base 5 state 5"]);
    expect(again.commit("p", [event()]).firstSequenceNumber).toBe(6);
  });

  test("JournalSpec 19. what cannot be stored is refused alone, and takes no number", async () => {
    const { log } = fixture();
    const before = log.commit("p", [event("a-6")]);
    expect(await codeOf(() => log.commit("p", [event("", { type: "\ud800" })]))).toBe(
      "TROUPE_PAYLOAD_INVALID",
    );
    const after = log.commit("p", [event("a-7")]);
    await Promise.all([before.confirmed, after.confirmed]);
    expect(await replayLines(log, "p", from(6))).toEqual(["event 6 a-6", "event 7 a-7"]);
  });

  test("JournalSpec 20. an event and all that is said of it come back as they were", async () => {
    const { log } = fixture();
    const full = event("payload", {
      type: "größer",
      schemaVersion: 3,
      timeMs: 1_767_225_600_000.5,
      open: true,
      wakeAtMs: 7,
      idempotencyKey: "k",
      traceparent: "00-1",
      tags: ["a", "b"],
    });
    await log.commit("q", [full]).confirmed;
    const seen: unknown[] = [];
    await log.replay("q", (stored) =>
      seen.push({ ...stored, payload: Buffer.from(stored.payload) }),
    );
    expect(seen).toEqual([{ ...full, persistenceId: "q", sequenceNumber: 1, prev: -1 }]);
  });
}

/** 10,000 events written at once, written one by one, and recovered; strictly in order. */
function journalPerfSpec(fixture: () => Pick<Fixture, "log" | "logsOf">, limitMs: number): void {
  const timed = async (work: () => Promise<void>): Promise<void> => {
    const startMs = performance.now();
    await work();
    const tookMs = performance.now() - startMs;
    if (perfRounds > 1) expect(tookMs).toBeLessThan(limitMs);
  };

  test(`JournalPerfSpec: ${perfEvents} events, ${perfRounds} rounds each of persistAsync, persist and recovery`, async () => {
    const { log, logsOf } = fixture();
    for (let round = 0; round < perfRounds; round++) {
      await timed(async () => {
        let last: Promise<void> | undefined;
        for (let number = 0; number < perfEvents; number++) {
          last = log.commit("async", [event(`${number}`)]).confirmed;
        }
        await last;
      });
      await timed(async () => {
        for (let number = 0; number < perfEvents; number++) {
          await log.commit("sync", [event(`${number}`)]).confirmed;
        }
      });
    }
    const again = await logsOf("node-b").open(0);
    for (let round = 0; round < perfRounds; round++) {
      await timed(async () => {
        const first = round * perfEvents + 1;
        let expected = first;
        const bounds = { fromSequenceNumber: first, toSequenceNumber: first + perfEvents - 1 };
        await again.replay(
          "sync",
          ({ sequenceNumber, payload }) => {
            if (sequenceNumber !== expected || payload.length === 0) {
              throw new Error(`event ${sequenceNumber} came where ${expected} should`);
            }
            expected += 1;
          },
          bounds,
        );
        expect(expected).toBe(first + perfEvents);
      });
    }
  });
}

/** The journal as a process knows it that dies after its bytes were written and before it hears of it. */
function deafAfter(inner: Journal) {
  let isDeaf = false;
  let land = (): void => {};
  const landed = new Promise<void>((resolve) => {
    land = resolve;
  });
  const journal: Journal = {
    ...portOf(inner),
    append: async (requests) => {
      const results = await inner.append(requests);
      if (!isDeaf) return results;
      land();
      return new Promise(() => {});
    },
  };
  return {
    journal,
    landed,
    deafen: (): void => {
      isDeaf = true;
    },
  };
}

function countingReads(inner: Journal) {
  const read = { bytes: 0, pages: 0 };
  const journal: Journal = {
    ...portOf(inner),
    read: (...page) => {
      read.pages += 1;
      return inner.read(...page);
    },
    readAt: async (shard, position) => {
      const record = await inner.readAt(shard, position);
      read.bytes += record.bytes.length;
      return record;
    },
  };
  return { journal, read };
}

function portOf(inner: Journal): Journal {
  const { journalId, shards, recordBytesMax } = inner;
  return {
    journalId,
    shards,
    recordBytesMax,
    tail: (shard) => inner.tail(shard),
    append: (requests) => inner.append(requests),
    read: (shard, from, bytesMax) => inner.read(shard, from, bytesMax),
    readAt: (shard, position) => inner.readAt(shard, position),
    cut: (shard, before) => inner.cut(shard, before),
    close: () => inner.close(),
  };
}

async function bytesOfEntity(journal: Journal, persistenceId: string): Promise<number> {
  const reading = await ShardReading.open(journal, 0);
  const filter = new EntityFilter(persistenceId);
  let bytes = 0;
  for await (const page of reading.pages()) {
    for (const { frame, record } of page) {
      if (frame?.kind === "data" && filter.find(frame).length > 0) bytes += record.bytes.length;
    }
  }
  return bytes;
}
