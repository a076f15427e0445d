/**
 * What every journal promises, as tests. An adapter runs them all by giving a factory.
 * J1 … J6 are the promises in `src/actors/persistence/journal.ts`. The cases of Pekko's JournalSpec and those of
 * fencing, which need the protocol above the port, and the table of all cases are in `event-log-contract.ts`.
 */
import { afterEach, describe, expect, test } from "vitest";
import { isTroupeError } from "../../src/actors/kernel/index.ts";
import type {
  AppendResult,
  Journal,
  JournalRecord,
  Position,
} from "../../src/actors/persistence/journal.ts";

export interface JournalSubject {
  /** A new, empty journal with at least eight shards. */
  create(): Promise<JournalUnderTest>;
  /** What it holds outlives its object. */
  readonly durable: boolean;
  /** Small records that the bounded-memory test appends. */
  readonly manyRecords: number;
}

export interface JournalUnderTest {
  readonly journal: Journal;
  /** Closes the journal and opens the same again. Only of a journal that is `durable`. */
  reopen?(): Promise<Journal>;
  /** Closes everything and removes what was made. */
  dispose(): Promise<void>;
}

const text = (value: string): Uint8Array => new TextEncoder().encode(value);
const asText = (records: readonly JournalRecord[]): readonly string[] =>
  records.map(({ bytes }) => new TextDecoder().decode(bytes));

function landed(result: AppendResult | undefined): Extract<AppendResult, { outcome: "at" }> {
  if (result?.outcome !== "at")
    throw new Error(`the append did not land: ${JSON.stringify(result)}`);
  return result;
}

async function appendOne(journal: Journal, shard: number, value: string, expected?: Position) {
  const at = expected ?? (await journal.tail(shard)).end;
  const [result] = await journal.append([{ shard, expected: at, bytes: text(value) }]);
  return landed(result);
}

/** All records from a position on, page by page. */
async function readAll(journal: Journal, shard: number, from?: Position, bytesMax = 1 << 20) {
  const records: JournalRecord[] = [];
  let position = from ?? (await journal.tail(shard)).low;
  for (;;) {
    const page = await journal.read(shard, position, bytesMax);
    if (page.records.length === 0) return records;
    records.push(...page.records);
    expect(page.next).toBe(page.records.at(-1)?.next);
    position = page.next;
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isTroupeError(error)) throw new Error(`expected a TroupeError, got ${String(error)}`);
  return error.code;
}

export function journalContract(name: string, subject: JournalSubject): void {
  describe(`journal contract: ${name}`, () => {
    const made: JournalUnderTest[] = [];
    const create = async (): Promise<JournalUnderTest> => {
      const one = await subject.create();
      made.push(one);
      return one;
    };
    afterEach(async () => {
      await Promise.all(made.splice(0).map((one) => one.dispose()));
    });

    test("a new journal has an id, shards, and nothing in them", async () => {
      const { journal } = await create();
      expect(journal.journalId).toMatch(/^[0-9a-f]{32}$/);
      expect(journal.shards).toBeGreaterThanOrEqual(8);
      for (let shard = 0; shard < journal.shards; shard++) {
        expect(await journal.tail(shard)).toEqual({ low: 0, end: 0 });
        expect(await journal.read(shard, 0, 1000)).toEqual({ records: [], next: 0 });
      }
    });

    test("J1, J5: positions grow, and a record stays at the place that its append named", async () => {
      const { journal } = await create();
      const places: Position[] = [];
      for (let number = 0; number < 50; number++) {
        const { at, next, clean } = await appendOne(journal, 3, `record ${number}`);
        expect(clean).toBe(true);
        expect(next).toBeGreaterThan(at);
        expect(at).toBeGreaterThanOrEqual(places.at(-1) ?? 0);
        places.push(at);
      }
      const records = await readAll(journal, 3);
      expect(records.map(({ position }) => position)).toEqual(places);
      expect(asText(records)).toEqual(places.map((_, number) => `record ${number}`));
      for (const [number, place] of places.entries()) {
        expect(asText([await journal.readAt(3, place)])).toEqual([`record ${number}`]);
      }
      const { low, end } = await journal.tail(3);
      expect(low).toBe(0);
      expect(end).toBe(records.at(-1)?.next);
    });

    test("shards do not see each other's records", async () => {
      const { journal } = await create();
      await appendOne(journal, 0, "zero");
      await appendOne(journal, 1, "one");
      await appendOne(journal, 0, "zero again");
      expect(asText(await readAll(journal, 0))).toEqual(["zero", "zero again"]);
      expect(asText(await readAll(journal, 1))).toEqual(["one"]);
      expect(asText(await readAll(journal, 2))).toEqual([]);
    });

    test("one append carries many shards, and many records of one shard in their order", async () => {
      const { journal } = await create();
      const requests = Array.from({ length: 40 }, (_, number) => ({
        shard: number % 4,
        expected: 0,
        bytes: text(`record ${number}`),
      }));
      const results = (await journal.append(requests)).map(landed);
      for (let shard = 0; shard < 4; shard++) {
        const own = requests.flatMap((request, number) =>
          request.shard === shard ? [number] : [],
        );
        const records = await readAll(journal, shard);
        expect(asText(records)).toEqual(own.map((number) => `record ${number}`));
        expect(records.map(({ position }) => position)).toEqual(own.map((n) => results[n]?.at));
      }
    });

    test("J4: an append is clean only if nothing of its shard came since the place expected", async () => {
      const { journal } = await create();
      const first = await appendOne(journal, 5, "first");
      await appendOne(journal, 6, "another shard");
      expect((await appendOne(journal, 5, "second", first.next)).clean).toBe(true);
      const stale = await appendOne(journal, 5, "third", first.next);
      expect(stale.clean).toBe(false);
      const gap = await journal.read(5, first.next, 1000);
      expect(asText(gap.records)).toEqual(["second", "third"]);
      const [one, two] = await journal.append([
        { shard: 5, expected: stale.next, bytes: text("a") },
        { shard: 5, expected: stale.next, bytes: text("b") },
      ]);
      expect([landed(one).clean, landed(two).clean]).toEqual([true, false]);
    });

    test("concurrent appends of many shards all land, once each, in the order of their shard", async () => {
      const { journal } = await create();
      const count = 400;
      const results = await Promise.all(
        Array.from({ length: count }, (_, number) =>
          journal.append([{ shard: number % 8, expected: 0, bytes: text(String(number)) }]),
        ),
      );
      const places = results.map(([result]) => landed(result).at);
      for (let shard = 0; shard < 8; shard++) {
        const records = await readAll(journal, shard);
        const own = Array.from({ length: count / 8 }, (_, number) => number * 8 + shard);
        expect([...asText(records)].sort()).toEqual(own.map(String).sort());
        for (const record of records) {
          expect(places[Number(asText([record])[0])]).toBe(record.position);
        }
      }
    });

    test("pages hold at least one record, about as many bytes as asked for, and no hole", async () => {
      const { journal } = await create();
      const values = Array.from({ length: 60 }, (_, number) => `${number}:`.padEnd(1000, "x"));
      await journal.append(values.map((value) => ({ shard: 2, expected: 0, bytes: text(value) })));
      for (const bytesMax of [0, 1, 999, 1000, 5000, 1 << 20]) {
        const first = await journal.read(2, 0, bytesMax);
        const bytes = first.records.reduce((sum, record) => sum + record.bytes.byteLength, 0);
        expect(first.records.length).toBeGreaterThanOrEqual(1);
        expect(bytes).toBeLessThanOrEqual(Math.max(1000, bytesMax + 1000));
        expect(asText(await readAll(journal, 2, 0, bytesMax))).toEqual(values);
      }
    });

    test("a read may begin at any record, and at the end finds nothing", async () => {
      const { journal } = await create();
      const values = Array.from({ length: 20 }, (_, number) => `record ${number}`);
      await journal.append(values.map((value) => ({ shard: 1, expected: 0, bytes: text(value) })));
      const records = await readAll(journal, 1);
      for (const [number, { position }] of records.entries()) {
        expect(asText(await readAll(journal, 1, position, 50))).toEqual(values.slice(number));
      }
      const { end } = await journal.tail(1);
      expect(await journal.read(1, end, 1000)).toEqual({ records: [], next: end });
    });

    test("records of any size up to the greatest come back byte for byte", async () => {
      const { journal } = await create();
      const sizes = [0, 1, 7, 4095, 4096, 65_536, 65_537, 1_000_003, journal.recordBytesMax];
      for (const size of sizes) {
        const bytes = new Uint8Array(size).map((_, index) => (index * 31 + size) & 0xff);
        const { end } = await journal.tail(4);
        const [result] = await journal.append([{ shard: 4, expected: end, bytes }]);
        const { at } = landed(result);
        const record = await journal.readAt(4, at);
        expect(Buffer.compare(record.bytes, bytes), `${size} bytes`).toBe(0);
      }
      const read = await readAll(journal, 4, 0, 1000);
      expect(read.map(({ bytes }) => bytes.byteLength)).toEqual(sizes);
    });

    test("J3: a record that is too large is refused alone, and was never there", async () => {
      const { journal } = await create();
      const bytes = new Uint8Array(journal.recordBytesMax + 1);
      const results = await journal.append([
        { shard: 0, expected: 0, bytes: text("before") },
        { shard: 0, expected: 0, bytes },
        { shard: 0, expected: 0, bytes: text("after") },
      ]);
      expect(results.map(({ outcome }) => outcome)).toEqual(["at", "refused", "at"]);
      expect(results[1]).toHaveProperty("cause.code", "TROUPE_RECORD_TOO_LARGE");
      expect(asText(await readAll(journal, 0))).toEqual(["before", "after"]);
    });

    test("bytes that were read stay as they are", async () => {
      const { journal } = await create();
      await appendOne(journal, 0, "kept");
      const [kept] = (await journal.read(0, 0, 1000)).records;
      for (let number = 0; number < 200; number++) await appendOne(journal, 0, `other ${number}`);
      await readAll(journal, 0);
      expect(kept && asText([kept])).toEqual(["kept"]);
    });

    test("a caller may use its bytes again once the append is settled", async () => {
      const { journal } = await create();
      const bytes = text("as appended");
      await journal.append([{ shard: 0, expected: 0, bytes }]);
      bytes.fill(0);
      expect(asText(await readAll(journal, 0))).toEqual(["as appended"]);
    });

    test("J5: what was cut is out of range, what was not stays", async () => {
      const { journal } = await create();
      for (let number = 0; number < 10; number++) await appendOne(journal, 2, `record ${number}`);
      await appendOne(journal, 3, "another shard");
      const records = await readAll(journal, 2);
      const fifth = records[5]?.position ?? -1;
      const first = records[0]?.position ?? -1;
      await journal.cut(2, fifth);
      const { low, end } = await journal.tail(2);
      expect(low).toBeLessThanOrEqual(fifth);
      expect(end).toBe(records.at(-1)?.next);
      expect(asText(await readAll(journal, 2, fifth))).toEqual(asText(records.slice(5)));
      expect(asText(await readAll(journal, 3, 0))).toEqual(["another shard"]);
      expect(low, "this journal cuts exactly").toBe(fifth);
      expect(await codeOf(journal.read(2, low - 1, 1000))).toBe("TROUPE_JOURNAL_OUT_OF_RANGE");
      expect(await codeOf(journal.readAt(2, first))).toBe("TROUPE_JOURNAL_OUT_OF_RANGE");
    });

    test("cuts never go back, and never beyond the end", async () => {
      const { journal } = await create();
      for (let number = 0; number < 5; number++) await appendOne(journal, 7, `record ${number}`);
      const { end } = await journal.tail(7);
      await journal.cut(7, end + 1_000_000);
      expect(await journal.tail(7)).toEqual({ low: end, end });
      await journal.cut(7, 1);
      expect(await journal.tail(7)).toEqual({ low: end, end });
      const { at, clean } = await appendOne(journal, 7, "after the cut");
      expect(clean).toBe(true);
      expect(at).toBeGreaterThanOrEqual(end);
      expect(asText(await readAll(journal, 7))).toEqual(["after the cut"]);
    });

    test("a shard that was never written is not cut by the cuts of others", async () => {
      const { journal } = await create();
      await appendOne(journal, 0, "record");
      await journal.cut(0, (await journal.tail(0)).end);
      expect(await journal.tail(1)).toEqual({ low: 0, end: 0 });
    });

    test("a cut during a replay ends it with out of range, or lets it read on without a hole", async () => {
      const { journal } = await create();
      const values = Array.from({ length: 100 }, (_, number) => `record ${number}`);
      await journal.append(values.map((value) => ({ shard: 0, expected: 0, bytes: text(value) })));
      const all = await readAll(journal, 0);
      let read: JournalRecord[] = [...(await journal.read(0, 0, 50)).records];
      await journal.cut(0, all[50]?.position ?? 0);
      const resumed = await readAll(journal, 0, read.at(-1)?.next).catch((error: unknown) => {
        expect(isTroupeError(error, "TROUPE_JOURNAL_OUT_OF_RANGE")).toBe(true);
        return undefined;
      });
      if (resumed !== undefined) {
        read = [...read, ...resumed];
        expect(asText(read)).toEqual(values);
      }
    });

    test("pointers beyond the end of the log are damage, not an empty page", async () => {
      const { journal } = await create();
      const { next } = await appendOne(journal, 0, "record");
      expect(await codeOf(journal.read(0, next + 10_000_000, 1000))).toBe("TROUPE_JOURNAL_CORRUPT");
      expect(await codeOf(journal.readAt(0, next + 10_000_000))).toBe("TROUPE_JOURNAL_CORRUPT");
    });

    test("a shard that does not exist is refused, and cannot be read", async () => {
      const { journal } = await create();
      for (const shard of [journal.shards, -1, 0.5]) {
        const [result] = await journal.append([{ shard, expected: 0, bytes: text("x") }]);
        expect(result?.outcome).toBe("refused");
        expect(await codeOf(journal.tail(shard))).toBe("TROUPE_OPTION_INVALID");
        expect(await codeOf(journal.read(shard, 0, 1000))).toBe("TROUPE_OPTION_INVALID");
      }
    });

    test("close lets the appends under way settle, and then takes no more", async () => {
      const { journal } = await create();
      const appends = Array.from({ length: 50 }, (_, number) =>
        journal.append([{ shard: number % 8, expected: 0, bytes: text("x") }]),
      );
      const closing = journal.close();
      for (const [result] of await Promise.all(appends)) {
        expect(result).toBeDefined();
      }
      await closing;
      await journal.close();
      const [late] = await journal.append([{ shard: 0, expected: 0, bytes: text("late") }]);
      expect(late).toHaveProperty("outcome", "refused");
      expect(late).toHaveProperty("cause.code", "TROUPE_JOURNAL_CLOSED");
      expect(await codeOf(journal.read(0, 0, 1000))).toBe("TROUPE_JOURNAL_CLOSED");
      expect(await codeOf(journal.tail(0))).toBe("TROUPE_JOURNAL_CLOSED");
      expect(await codeOf(journal.readAt(0, 0))).toBe("TROUPE_JOURNAL_CLOSED");
    });

    const reopening = async (): Promise<void> => {
      const subjectUnderTest = await create();
      const { journal } = subjectUnderTest;
      const places = new Map<number, Position>();
      for (let number = 0; number < 30; number++) {
        const { at } = await appendOne(journal, number % 3, `record ${number}`);
        places.set(number, at);
      }
      await journal.cut(0, places.get(9) ?? 0);
      const tails = await Promise.all([0, 1, 2, 3].map((shard) => journal.tail(shard)));
      const again = await subjectUnderTest.reopen?.();
      if (again === undefined) throw new Error("a durable journal can be reopened");
      expect(again.journalId).toBe(journal.journalId);
      expect(again.shards).toBe(journal.shards);
      expect(await Promise.all([0, 1, 2, 3].map((shard) => again.tail(shard)))).toEqual(tails);
      for (const [number, place] of places) {
        if (number % 3 === 0 && number < 9) continue;
        expect(asText([await again.readAt(number % 3, place)])).toEqual([`record ${number}`]);
      }
      const { at, clean } = await appendOne(again, 1, "after the opening");
      expect(clean).toBe(true);
      expect(at).toBeGreaterThanOrEqual(tails[1]?.end ?? 0);
    };
    if (subject.durable) {
      test(
        "J2: everything that was confirmed is there after it was closed and opened again",
        reopening,
      );
    }

    test(`${subject.manyRecords} records are written and read in bounded memory`, async () => {
      const { journal } = await create();
      const bytes = new Uint8Array(100).fill(7);
      const group = Array.from({ length: 1000 }, () => ({ shard: 0, expected: 0, bytes }));
      for (let number = 0; number < subject.manyRecords; number += group.length) {
        for (const result of await journal.append(group)) landed(result);
      }
      const before = process.memoryUsage();
      let count = 0;
      let most = 0;
      for (let position = 0; ; ) {
        const page = await journal.read(0, position, 1 << 20);
        if (page.records.length === 0) break;
        count += page.records.length;
        position = page.next;
        const now = process.memoryUsage();
        most = Math.max(most, now.rss - before.rss);
      }
      expect(count).toBe(subject.manyRecords);
      expect(most, "bytes that reading added").toBeLessThan(128 * 1024 * 1024);
    });
  });
}
