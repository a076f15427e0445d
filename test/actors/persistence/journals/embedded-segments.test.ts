/** Segments: rolling, cutting, and what opening and reading cost. */
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { seededRandom } from "../../../../src/actors/kernel/index.ts";
import type { Journal } from "../../../../src/actors/persistence/journal.ts";
import { openEmbeddedJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { waitUntil } from "../../../support/wait-until.ts";
import { dataFolder, EmulatedDisk } from "./emulated-disk.ts";
import { append, bytesOf, failureOf, land, readShard, textOf } from "./journal-work.ts";

let disk: EmulatedDisk;

function open(options: { readOnly?: boolean; segmentBytes?: number } = {}): Promise<Journal> {
  const fileSystem = disk.fileSystem();
  const random = seededRandom(disk.calls);
  const { segmentBytes = 4096 } = options;
  const place = { directory: dataFolder, fileSystem, random };
  return openEmbeddedJournal({ shards: 8, ...place, ...options, segmentBytes });
}

const segments = (): readonly string[] => disk.fileNames().filter((name) => name.endsWith(".log"));

beforeEach(() => {
  disk = new EmulatedDisk(seededRandom(1));
});

test("a full segment is followed by another, whose name is its first position", async () => {
  const journal = await open();
  for (let number = 0; number < 40; number++)
    await land(journal, 1, `record ${number}`.padEnd(500));
  const bases = segments().map((name) => Number(name.slice(0, 16)));
  expect(bases.length).toBeGreaterThan(4);
  for (const [index, name] of segments().slice(0, -1).entries()) {
    const size = disk.contentOf(join(dataFolder, name))?.length ?? 0;
    expect(bases[index + 1]).toBe((bases[index] ?? 0) + size);
  }
  expect(await readShard(journal, 1)).toHaveLength(40);
});

test("segments go when no shard can read anything in them, and the low marks outlive them", async () => {
  const journal = await open();
  for (let number = 0; number < 60; number++) {
    await land(journal, number % 3, `record ${number}`.padEnd(300));
  }
  const before = segments().length;
  const tails = await Promise.all([0, 1, 2].map((shard) => journal.tail(shard)));
  await journal.cut(0, tails[0]?.end ?? 0);
  await journal.cut(1, tails[1]?.end ?? 0);
  expect(segments().length).toBeGreaterThanOrEqual(before);
  const kept = await land(journal, 2, "kept");
  await journal.cut(2, kept);
  expect(segments().length).toBeLessThan(3);
  await journal.close();

  const again = await open();
  expect((await again.tail(0)).low).toBe(tails[0]?.end);
  expect((await again.tail(1)).low).toBe(tails[1]?.end);
  expect(await again.tail(2)).toMatchObject({ low: kept });
  expect(await again.tail(3)).toEqual({ low: 0, end: 0 });
  expect(await readShard(again, 2)).toEqual(["kept"]);
  expect((await failureOf(again.read(0, 0, 100))).code).toBe("TROUPE_JOURNAL_OUT_OF_RANGE");
});

test("nothing waits while the room of a removed segment is given back, but its cut and the end", async () => {
  const fileSystem = disk.fileSystem();
  const held: (() => void)[] = [];
  const remove = async (path: string): Promise<void> => {
    await new Promise<void>((resolve) => held.push(resolve));
    return fileSystem.remove(path);
  };
  const journal = await openEmbeddedJournal({
    ...{ directory: dataFolder, shards: 8, segmentBytes: 4096 },
    ...{ fileSystem: { ...fileSystem, remove }, random: seededRandom(3) },
  });
  for (let number = 0; number < 40; number++) await land(journal, 1, "record".padEnd(300));
  const [oldest] = segments();
  const ended: string[] = [];
  const first = journal.cut(1, (await journal.tail(1)).end).then(() => ended.push("first cut"));
  await land(journal, 1, "meanwhile");
  const second = journal.cut(1, (await journal.tail(1)).end).then(() => ended.push("second cut"));
  await land(journal, 2, "and again");
  expect(await readShard(journal, 2)).toEqual(["and again"]);
  const closed = journal.close().then(() => ended.push("close"));
  await waitUntil("a removal has begun", () => held.length > 0);
  expect({ held: held.length, ended, oldest: segments()[0] }).toEqual({
    ...{ held: 1, ended: [], oldest },
  });

  const letGo = setInterval(() => held.splice(0).forEach((go) => go()), 1);
  await Promise.all([first, second, closed]).finally(() => clearInterval(letGo));
  expect(ended).toEqual(["first cut", "second cut", "close"]);
  expect(segments().length).toBeLessThan(3);
  const again = await open();
  expect(await readShard(again, 2)).toEqual(["and again"]);
});

test("cuts of many shards that are asked for together cost one write", async () => {
  const journal = await open();
  for (let shard = 0; shard < 8; shard++) await land(journal, shard, "record");
  const ends = await Promise.all(
    Array.from({ length: 8 }, async (_, s) => (await journal.tail(s)).end),
  );
  const before = disk.contentOf(join(dataFolder, segments()[0] ?? ""))?.length ?? 0;
  await Promise.all(ends.map((end, shard) => journal.cut(shard, end)));
  const after = disk.contentOf(join(dataFolder, segments()[0] ?? ""))?.length ?? 0;
  expect(after - before).toBe(64 + 8 * 8);
});

test("opening reads the last segment, and of each full one only its summary", async () => {
  const journal = await open({ segmentBytes: 100_000 });
  for (let number = 0; number < 100; number++) await land(journal, 1, `${number}`.padEnd(10_000));
  await journal.close();
  const before = disk.bytesRead;
  const again = await open();
  expect(segments().length).toBeGreaterThan(8);
  expect(disk.bytesRead - before).toBeLessThan(150_000);
  expect((await again.tail(1)).end).toBeGreaterThan(1_000_000);
  expect(await readShard(again, 1)).toHaveLength(100);
});

test("one record of a full segment is read without reading others", async () => {
  const journal = await open({ segmentBytes: 1_000_000 });
  const places: number[] = [];
  for (let number = 0; number < 300; number++) {
    places.push(await land(journal, number % 8, `${number}`.padEnd(5000)));
  }
  await journal.close();
  const again = await open();
  const before = disk.bytesRead;
  for (const number of [3, 77, 150]) {
    const record = await again.readAt(number % 8, places[number] ?? 0);
    expect(textOf(record).trim()).toBe(String(number));
  }
  expect(disk.bytesRead - before).toBeLessThanOrEqual(3 * 2 * 5000);
});

test("readAt of a place where no record of the shard begins is damage, with the place", async () => {
  const journal = await open();
  const at = await land(journal, 1, "record");
  for (const [shard, position] of [
    [1, at + 1],
    [2, at],
  ] as const) {
    const { code, message } = await failureOf(journal.readAt(shard, position));
    expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
    expect(message).toContain(`(position ${position})`);
  }
});

test("a reader beside the writer sees what is confirmed, and writes nothing", async () => {
  const writer = await open();
  await land(writer, 0, "one");
  const reader = await open({ readOnly: true });
  expect(await readShard(reader, 0)).toEqual(["one"]);
  for (let number = 0; number < 30; number++) await land(writer, 0, `${number}`.padEnd(400));
  expect(segments().length).toBeGreaterThan(2);
  expect(await readShard(reader, 0)).toHaveLength(31);
  const [refused] = await reader.append([{ shard: 0, expected: 0, bytes: bytesOf("x") }]);
  expect(refused).toMatchObject({
    outcome: "refused",
    cause: { code: "TROUPE_JOURNAL_READ_ONLY" },
  });
  expect((await failureOf(reader.cut(0, 100))).code).toBe("TROUPE_JOURNAL_READ_ONLY");
});

test("a reader that fell behind a cut is told so, and reads on from the low mark", async () => {
  const writer = await open();
  for (let number = 0; number < 40; number++) await land(writer, 0, `${number}`.padEnd(400));
  const reader = await open({ readOnly: true });
  const page = await reader.read(0, 0, 1000);
  for (let number = 40; number < 80; number++) await land(writer, 0, `${number}`.padEnd(400));
  const kept = await land(writer, 0, "kept");
  await writer.cut(0, kept);
  expect((await failureOf(reader.read(0, page.next, 100_000))).code).toBe(
    "TROUPE_JOURNAL_OUT_OF_RANGE",
  );
  expect(await readShard(reader, 0)).toEqual(["kept"]);
});

test("two processes append to one folder: each sees the other's records before it answers", async () => {
  const one = await open();
  const other = await open();
  const first = await land(one, 0, "one's");
  const between = await append(other, 0, "other's");
  expect(between).toMatchObject({ outcome: "at", clean: true });
  const [stale] = await one.append([{ shard: 0, expected: first + 13, bytes: bytesOf("again") }]);
  expect(stale).toMatchObject({ outcome: "at", clean: false });
  expect(await readShard(one, 0)).toEqual(["one's", "other's", "again"]);
  expect(await readShard(other, 0)).toEqual(["one's", "other's", "again"]);
});
