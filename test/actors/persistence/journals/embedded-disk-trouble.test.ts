/** A disk that is full, fails, or recovers, under a running embedded journal. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, test } from "vitest";
import { type Logger, seededRandom, silentLogger } from "../../../../src/actors/kernel/index.ts";
import {
  type FileSystem,
  nodeFileSystem,
  openEmbeddedJournal,
} from "../../../../src/actors/persistence/journals/index.ts";
import { type DiskFault, dataFolder, EmulatedDisk } from "./emulated-disk.ts";
import { append, bytesOf, failureOf, land, readShard } from "./journal-work.ts";

let disk: EmulatedDisk;
let lines: string[];

function open(fileSystem = disk.fileSystem()) {
  const log = (message: string): void => void lines.push(message);
  const logger: Logger = { ...silentLogger, info: log, warn: log, error: log };
  return openEmbeddedJournal({
    directory: dataFolder,
    fileSystem,
    random: seededRandom(2),
    logger,
  });
}

beforeEach(() => {
  disk = new EmulatedDisk(seededRandom(1));
  lines = [];
});

test("a full disk: nothing is accepted and the caller is told so, until there is room", async () => {
  const journal = await open();
  await land(journal, 0, "before");
  disk.freeBytes = 100;
  const short = await append(journal, 0, "x".repeat(500));
  expect(short).toMatchObject({ outcome: "refused", cause: { code: "TROUPE_JOURNAL_FULL" } });
  const size = disk.contentOf(join(dataFolder, "0000000000000000.log"))?.length;
  for (let number = 0; number < 5; number++) {
    const result = await append(journal, 0, "small");
    expect(result).toMatchObject({ outcome: "refused", cause: { code: "TROUPE_JOURNAL_FULL" } });
  }
  expect(disk.contentOf(join(dataFolder, "0000000000000000.log"))?.length).toBe(size);
  expect(await readShard(journal, 0)).toEqual(["before"]);
  expect(lines.filter((line) => line.includes("no room"))).toHaveLength(1);

  disk.freeBytes = 10_000_000;
  expect(await append(journal, 0, "after")).toMatchObject({ outcome: "at", clean: true });
  expect(lines.filter((line) => line.includes("room again"))).toHaveLength(1);
  await journal.close();
  expect(await readShard(await open(), 0)).toEqual(["before", "after"]);
});

test("a batch that lacks nothing but zeros may still become whole, so it is not refused", async () => {
  const journal = await open();
  await land(journal, 0, "before");
  disk.freeBytes = 100;
  expect(await append(journal, 0, "\0".repeat(500))).toMatchObject({ outcome: "uncertain" });
});

test("a full disk lets what is stored be read, also by a process that starts then", async () => {
  const journal = await open();
  await land(journal, 0, "before");
  disk.freeBytes = 0;
  expect(await append(journal, 0, "more")).toMatchObject({ outcome: "refused" });
  await journal.close();
  expect(await readShard(await open(), 0)).toEqual(["before"]);
});

test.each<DiskFault>(["sync-error", "write-error"])(
  "after a %s the outcome is unknown, and the next append starts afresh",
  async (fault) => {
    const journal = await open();
    await land(journal, 0, "before");
    disk.faultAfter(0, fault);
    const failed = await append(journal, 0, "in between");
    expect(failed).toMatchObject({
      outcome: "uncertain",
      cause: { code: "TROUPE_JOURNAL_UNAVAILABLE", outcome: "unknown" },
    });
    expect(await append(journal, 0, "after")).toMatchObject({ outcome: "at" });
    disk.cutPower();
    const texts = await readShard(await open(), 0);
    expect(texts.filter((text) => text !== "in between")).toEqual(["before", "after"]);
  },
);

test("a failed sync is not believed to be mended by the next one", async () => {
  const journal = await open();
  await land(journal, 0, "before");
  disk.faultAfter(0, "sync-error");
  expect(await append(journal, 0, "x".repeat(20_000))).toHaveProperty("outcome", "uncertain");
  // A claim: what was read before it was confirmed counts from then on.
  const seen = await readShard(journal, 0);
  await land(journal, 0, "claim");
  disk.evictPageCache();
  expect(await readShard(await open(), 0)).toEqual([...seen, "claim"]);
});

test("a read that fails says so, and the next one may succeed", async () => {
  const journal = await open();
  const at = await land(journal, 0, "record");
  disk.faultAfter(0, "read-error");
  const { code, message } = await failureOf(journal.readAt(0, at));
  expect(code).toBe("TROUPE_JOURNAL_UNAVAILABLE");
  expect(message).toContain("EIO");
  expect(await readShard(journal, 0)).toEqual(["record"]);
});

test("an opening on a failing disk says so, and the next one finds everything", async () => {
  const journal = await open();
  await land(journal, 0, "record");
  disk.cutPower();
  disk.faultAfter(0, "sync-error");
  expect((await failureOf(open())).code).toBe("TROUPE_JOURNAL_UNAVAILABLE");
  expect(await readShard(await open(), 0)).toEqual(["record"]);
});

test.each(["EROFS", "EACCES"])(
  "a folder that may not be written (%s) can be read all the same",
  async (code) => {
    const directory = await mkdtemp(join(tmpdir(), "troupe-journal-"));
    try {
      const writer = await openEmbeddedJournal({ directory });
      await land(writer, 0, "record");
      await writer.close();
      const fileSystem: FileSystem = {
        ...nodeFileSystem,
        open: (path, mode) =>
          mode === "read"
            ? nodeFileSystem.open(path, mode)
            : Promise.reject(Object.assign(new Error(`${code}: ${path}`), { code })),
      };
      const failure = await failureOf(openEmbeddedJournal({ directory, fileSystem }));
      expect(failure.code).toBe("TROUPE_JOURNAL_READ_ONLY");
      expect(failure.message).toContain(directory);
      const reader = await openEmbeddedJournal({ directory, fileSystem, readOnly: true });
      expect(await readShard(reader, 0)).toEqual(["record"]);
      await reader.close();
    } finally {
      await rm(directory, { recursive: true });
    }
  },
);

test.each(["unseen", "seen"])(
  "what another process wrote, %s by us, and did not live to sync is on the device before we build upon it",
  async (seen) => {
    for (let seed = 0; seed < 40; seed++) {
      disk = new EmulatedDisk(seededRandom(seed));
      const ours = await open();
      await land(ours, 0, "first");
      const dying = await open(disk.fileSystem({ diesUnsynced: true }));
      const size = () => disk.contentOf(join(dataFolder, "0000000000000000.log"))?.length ?? 0;
      const before = size();
      // More pages than those which it shares with what we write.
      void append(dying, 0, "x".repeat(20_000));
      while (size() === before) await new Promise(setImmediate);
      if (seen === "seen") await ours.tail(0);
      await ours.append([{ shard: 0, expected: 0, bytes: bytesOf("second") }]);
      await land(ours, 0, "third");
      disk.cutPower();
      const found = await readShard(await open(), 0);
      expect(found.map((text) => text.slice(0, 6))).toEqual(["first", "xxxxxx", "second", "third"]);
    }
  },
);
