import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { FolderLogStore, type LogPiece } from "../../../src/actors/logs/index.ts";

const key = { runId: "run-1", job: "build", attempt: 1 };
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (data: Uint8Array): string => new TextDecoder().decode(data);

let directory: string;
let store: FolderLogStore;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "troupe-logs-"));
  store = new FolderLogStore({ directory });
});

afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

async function all(pieces: AsyncIterable<LogPiece>): Promise<string> {
  const decoder = new TextDecoder();
  let joined = "";
  for await (const { data } of pieces) joined += decoder.decode(data, { stream: true });
  return joined;
}

describe("append", () => {
  test("stores bytes, ignores what overlaps, refuses a hole", async () => {
    expect(await store.append(key, 0, bytes("hello "))).toBe(6);
    expect(await store.append(key, 3, bytes("lo world"))).toBe(11);
    expect(await store.append(key, 0, bytes("hello"))).toBe(11);
    await expect(store.append(key, 12, bytes("!"))).rejects.toMatchObject({
      code: "TROUPE_LOG_GAP",
      details: { expectedOffset: 11, gotOffset: 12 },
    });
    expect(text(await store.read(key, 0, 100))).toBe("hello world");
    expect(await store.end(key)).toBe(11);
  });

  test("any chunks that overlap, repeat and run ahead of their answers give the log and nothing else", async () => {
    const source = bytes("0123456789abcdefghijklmnopqrstuvwxyz".repeat(20));
    let logs = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(60), fc.nat(90)), { maxLength: 40 }),
        async (steps) => {
          const log = { runId: "property", job: "j", attempt: ++logs };
          let sent = 0;
          const answers: Promise<number>[] = [];
          for (const [back, length] of steps) {
            const from = Math.max(0, sent - back);
            const chunk = source.slice(from, from + length);
            answers.push(store.append(log, from, chunk));
            sent = Math.max(sent, from + chunk.length);
          }
          const ends = await Promise.all(answers);
          expect(Math.max(0, ...ends)).toBe(sent);
          expect(await store.read(log, 0, 10_000)).toEqual(source.slice(0, sent));
        },
      ),
      { numRuns: 60 },
    );
  });

  test("another store on the same folder goes on where the first one stopped", async () => {
    await store.append(key, 0, bytes("before "));
    const next = new FolderLogStore({ directory });
    expect(await next.end(key)).toBe(7);
    await expect(next.append(key, 8, bytes("x"))).rejects.toMatchObject({ code: "TROUPE_LOG_GAP" });
    await next.append(key, 7, bytes("after"));
    expect(text(await next.read(key, 0, 100))).toBe("before after");
    await next.close();
  });

  test("takes no more than its bound of waiting bytes", async () => {
    const small = new FolderLogStore({ directory, waitingBytesMax: 10 });
    const first = small.append(key, 0, bytes("0123456789"));
    await expect(small.append(key, 10, bytes("x"))).rejects.toMatchObject({
      code: "TROUPE_LOG_BEHIND",
    });
    expect(await first).toBe(10);
    expect(await small.append(key, 10, bytes("x"))).toBe(11);
    await small.close();
  });

  test("a failed write loses nothing that was answered, and the sender can go on after it", async () => {
    const blocked = join(directory, "run-1");
    await writeFile(blocked, "a file where the folder should be");
    await expect(store.append(key, 0, bytes("abc"))).rejects.toMatchObject({
      code: "TROUPE_LOG_NOT_STORED",
    });
    await rm(blocked);
    expect(await store.append(key, 0, bytes("abc"))).toBe(3);
    expect(text(await store.read(key, 0, 10))).toBe("abc");
  });
});

describe("follow", () => {
  test("gives what is stored, then what comes, and ends when the log is sealed", async () => {
    await store.append(key, 0, bytes("one "));
    const followed = all(store.follow(key, 0));
    await store.append(key, 4, bytes("two "));
    await store.append(key, 8, bytes("three"));
    await store.seal(key);
    expect(await followed).toBe("one two three");
    expect(await all(store.follow(key, 4))).toBe("two three");
    expect(await all(store.follow(key, 13))).toBe("");
  });

  test("waits for a log that nobody has written yet, and makes no file by looking", async () => {
    const followed = all(store.follow(key, 0));
    expect(await store.end(key)).toBe(0);
    expect(await readdir(directory)).toEqual([]);
    await store.append(key, 0, bytes("late"));
    await store.seal(key);
    expect(await followed).toBe("late");
  });

  test("a sealed log stays sealed in the next process, and refuses more", async () => {
    await store.append(key, 0, bytes("done"));
    await store.seal(key);
    const next = new FolderLogStore({ directory });
    expect(await all(next.follow(key, 0))).toBe("done");
    expect(await next.append(key, 0, bytes("done"))).toBe(4);
    await expect(next.append(key, 4, bytes("!"))).rejects.toMatchObject({
      code: "TROUPE_LOG_SEALED",
    });
    await next.close();
  });

  test("ends when its signal fires or the store closes", async () => {
    const leaving = new AbortController();
    const first = all(store.follow(key, 0, leaving.signal));
    const second = all(store.follow(key, 0));
    leaving.abort();
    expect(await first).toBe("");
    await store.close();
    expect(await second).toBe("");
  });

  test("a reader that does not read slows nobody and loses nothing", async () => {
    const slow = store.follow(key, 0)[Symbol.asyncIterator]();
    const chunk = bytes("x".repeat(64 * 1024));
    await store.append(key, 0, chunk);
    await slow.next();
    for (let n = 1; n < 64; n++) await store.append(key, n * chunk.length, chunk);
    await store.seal(key);
    let read = chunk.length;
    for (let piece = await slow.next(); piece.done !== true; piece = await slow.next()) {
      expect(piece.value.offset).toBe(read);
      read += piece.value.data.length;
    }
    expect(read).toBe(64 * chunk.length);
  });
});

describe("files", () => {
  test("more logs than open files are written and read at once", async () => {
    const narrow = new FolderLogStore({ directory, filesOpenMax: 3 });
    const keys = Array.from({ length: 40 }, (_, n) => ({
      runId: "r",
      job: `job-${n}`,
      attempt: 1,
    }));
    for (const round of [0, 1, 2]) {
      await Promise.all(
        keys.map((of) =>
          narrow.append(of, round * 5, bytes(`${of.job.padEnd(4, "-").slice(-4)}\n`)),
        ),
      );
    }
    for (const of of keys) expect(await narrow.end(of)).toBe(15);
    const descriptors = await readdir("/proc/self/fd").catch(() => []);
    const mine = await Promise.all(
      descriptors.map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => "")),
    );
    expect(mine.filter((path) => path.startsWith(directory)).length).toBeLessThanOrEqual(3);
    await narrow.close();
  });

  test("no two names share a file, no name leaves the folder, a log is plain bytes", async () => {
    const jobs = [
      "../../x",
      "a/b",
      "A",
      "a",
      "..",
      "ä",
      "%41",
      "x".repeat(300),
      `${"x".repeat(299)}y`,
      "",
      "a.1",
    ];
    for (const [n, job] of jobs.entries())
      await store.append({ runId: "..", job, attempt: 1 }, 0, bytes(`${n}`));
    const [run] = await readdir(directory);
    const files = await readdir(join(directory, run ?? ""));
    expect(files.length).toBe(jobs.length);
    expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(jobs.length);
    for (const name of files) expect(name.length).toBeLessThan(220);
    for (const [n, job] of jobs.entries()) {
      expect(text(await store.read({ runId: "..", job, attempt: 1 }, 0, 10))).toBe(`${n}`);
    }
    expect(await readFile(join(directory, run ?? "", "a.1.log"), "utf8")).toBe("3");
  });
});
