/** What an embedded journal makes of files that are not as it left them. */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { beforeEach, describe, expect, test } from "vitest";
import { seededRandom } from "../../../../src/actors/kernel/index.ts";
import type { Journal } from "../../../../src/actors/persistence/journal.ts";
import { openEmbeddedJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { dataFolder, EmulatedDisk } from "./emulated-disk.ts";
import { append, failureOf, land, readShard } from "./journal-work.ts";

const firstSegment = join(dataFolder, "0000000000000000.log");
const headerBytes = 64;

let disk: EmulatedDisk;

function open(options: { segmentBytes?: number; shards?: number; readOnly?: boolean } = {}) {
  const fileSystem = disk.fileSystem();
  return openEmbeddedJournal({
    directory: dataFolder,
    fileSystem,
    random: seededRandom(2),
    ...options,
  });
}

/** The process dies; what it had synced stays. */
async function abandon(_journal: Journal): Promise<void> {
  disk.cutPower();
}

async function written(...values: readonly string[]): Promise<Journal> {
  const journal = await open();
  for (const value of values) await land(journal, 1, value);
  return journal;
}

beforeEach(() => {
  disk = new EmulatedDisk(seededRandom(1));
});

describe("a batch that fails its checksum", () => {
  test("with a later one that was written after it was stored is damage, with file and place", async () => {
    await (await written("one", "two", "three")).close();
    disk.tamper(firstSegment, (content) => {
      content[headerBytes + 8]! ^= 1;
      return content;
    });
    const { code, message } = await failureOf(open());
    expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
    expect(message).toContain(`${firstSegment}, byte 0 (position 0)`);
    expect((await failureOf(open({ readOnly: true }))).code).toBe("TROUPE_JOURNAL_CORRUPT");
  });

  test.each(["header", "body"] as const)(
    "last before a close, in its %s, is damage",
    async (part) => {
      const journal = await open();
      const at = await land(journal, 1, "one");
      await journal.close();
      disk.tamper(firstSegment, (content) => {
        content[part === "header" ? at - headerBytes + 20 : at + 9]! ^= 0x10;
        return content;
      });
      expect((await failureOf(open())).code).toBe("TROUPE_JOURNAL_CORRUPT");
    },
  );

  test("in a full segment is damage for its readers, and the rest of the log is not", async () => {
    const journal = await open({ segmentBytes: 200 });
    const first = await land(journal, 1, "one".padEnd(300));
    await land(journal, 2, "two");
    await journal.close();
    disk.tamper(firstSegment, (content) => {
      content[first + 20]! ^= 1;
      return content;
    });
    const again = await open();
    expect(await readShard(again, 2)).toEqual(["two"]);
    const { code, message } = await failureOf(readShard(again, 1));
    expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
    expect(message).toContain(`${firstSegment}, byte ${first - headerBytes}`);
  });
});

describe("a write that never finished", () => {
  test.each([1, 40, 64, 70])(
    "of %s bytes is no part of the log, and is stepped over",
    async (bytes) => {
      await abandon(await written("one", "two"));
      const lastBatchBytes = headerBytes + 8 + "two".length;
      expect(bytes).toBeLessThan(lastBatchBytes);
      disk.tamper(firstSegment, (content) => {
        const start = content.length - lastBatchBytes;
        return Buffer.concat([content, content.subarray(start, start + bytes)]);
      });
      const journal = await open();
      expect(await readShard(journal, 1)).toEqual(["one", "two"]);
      expect(await append(journal, 1, "three")).toMatchObject({ outcome: "at", clean: true });
      await journal.close();
      expect(await readShard(await open(), 1)).toEqual(["one", "two", "three"]);
    },
  );

  test("of zeros, as a power cut leaves it, is stepped over", async () => {
    await abandon(await written("one"));
    disk.tamper(firstSegment, (content) => Buffer.concat([content, Buffer.alloc(10_000)]));
    const journal = await open();
    await land(journal, 1, "two");
    expect(await readShard(await open(), 1)).toEqual(["one", "two"]);
  });

  test("does not bring back an old batch that its payload holds a copy of", async () => {
    const journal = await written("one", "two");
    const log = Buffer.from(disk.contentOf(firstSegment) ?? []);
    await abandon(journal);
    // A backup of the log as a payload, and the power goes before its last bytes are stored.
    const torn = Buffer.concat([log.subarray(0, headerBytes + 4), log]);
    disk.tamper(firstSegment, (content) => Buffer.concat([content, torn]));
    const again = await open();
    await land(again, 1, "three");
    expect(await readShard(await open(), 1)).toEqual(["one", "two", "three"]);
  });
});

describe("a folder", () => {
  test("in which a segment is missing is damaged, at its place", async () => {
    const journal = await open({ segmentBytes: 100 });
    for (let number = 0; number < 6; number++)
      await land(journal, 1, `record ${number}`.padEnd(120));
    await journal.close();
    const [, second] = disk.fileNames();
    await disk.fileSystem().remove(join(dataFolder, String(second)));
    const { code, message } = await failureOf(open());
    expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
    expect(message).toContain(firstSegment);
  });

  test("with metadata and no log is damaged, not empty", async () => {
    await (await written("one")).close();
    await disk.fileSystem().remove(firstSegment);
    expect((await failureOf(open())).code).toBe("TROUPE_JOURNAL_CORRUPT");
  });

  test("whose log has become shorter under a running process is damaged", async () => {
    const journal = await written("one", "two");
    disk.tamper(firstSegment, (content) => Buffer.from(content.subarray(0, 70)));
    expect((await failureOf(journal.tail(1))).code).toBe("TROUPE_JOURNAL_CORRUPT");
    const [result] = await journal.append([{ shard: 1, expected: 0, bytes: new Uint8Array(1) }]);
    expect(result?.outcome).not.toBe("at");
  });

  test("with a log and no metadata is damaged, not empty", async () => {
    await (await written("one")).close();
    await disk.fileSystem().remove(join(dataFolder, "journal.json"));
    const { code, message } = await failureOf(open());
    expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
    expect(message).toContain("journal.json");
  });

  const metadata = join(dataFolder, "journal.json");
  const rewrite = (text: string): void => disk.tamper(metadata, () => Buffer.from(text));

  test("of a newer format is refused, with a word on what to do", async () => {
    await (await written("one")).close();
    const text = String(disk.contentOf(metadata)).replace(
      '"formatVersion": 1',
      '"formatVersion": 2',
    );
    rewrite(text);
    const { code, message } = await failureOf(open());
    expect(code).toBe("TROUPE_JOURNAL_UNUSABLE");
    expect(message).toContain("format version 2");
    expect(message).toContain("use a newer one");
  });

  test("whose number of shards is another one is refused: most actors would be empty", async () => {
    await (await written("one")).close();
    const was = String(disk.contentOf(metadata));
    rewrite(was.replace(/"shards": \d+/, '"shards": 5'));
    for (const readOnly of [true, false]) {
      const { code, message } = await failureOf(open({ readOnly }));
      expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
      expect(message).toContain("the checksum does not fit");
    }
    rewrite(was.replace(/,\s*"checksum": \d+/, ""));
    expect((await open()).shards).toBe(JSON.parse(was).shards);
  });

  test("whose last batch a newer program wrote is refused, not taken for a torn one", async () => {
    await (await written("one")).close();
    disk.tamper(firstSegment, (content) => {
      const head = Buffer.from(content.subarray(0, headerBytes));
      head.writeUInt8(2, 4);
      head.writeUInt32LE(crc32(head.subarray(0, 60)), 60);
      return Buffer.concat([content, head, Buffer.from("as newer ones are")]);
    });
    for (const readOnly of [true, false]) {
      const { code, message } = await failureOf(open({ readOnly }));
      expect(code).toBe("TROUPE_JOURNAL_UNUSABLE");
      expect(message).toContain("was written in format version 2");
      expect(message).toContain("use a newer one");
    }
  });

  test.each([
    "",
    "{",
    "null",
    "[]",
    '{"format":"else"}',
    '{"format":"troupe-journal","formatVersion":1}',
  ])("whose metadata reads %j is damaged", async (text) => {
    await (await written("one")).close();
    rewrite(text);
    const { code, message } = await failureOf(open());
    expect(code).toBe("TROUPE_JOURNAL_CORRUPT");
    expect(message).toContain(metadata);
  });

  test("keeps its number of shards for life", async () => {
    await (await open({ shards: 8 })).close();
    expect((await open()).shards).toBe(8);
    const { code, message } = await failureOf(open({ shards: 16 }));
    expect(code).toBe("TROUPE_JOURNAL_UNUSABLE");
    expect(message).toContain("it has 8 shards for life, and 16 were asked for");
    for (const shards of [0, 1.5, 65_536]) {
      disk = new EmulatedDisk(seededRandom(1));
      expect((await failureOf(open({ shards }))).code).toBe("TROUPE_OPTION_INVALID");
    }
  });

  test("without a journal is not made by a reader", async () => {
    const { code, message } = await failureOf(open({ readOnly: true }));
    expect(code).toBe("TROUPE_JOURNAL_UNUSABLE");
    expect(message).toContain("there is no journal in this folder");
    expect(disk.fileNames()).toEqual([]);
  });
});
