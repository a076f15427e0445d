/** What every blob store must do for logs that are put into it: nothing lost, nothing twice, whenever it is interrupted. */
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { BlobStore } from "../../src/actors/blobs/index.ts";
import { silentLogger, systemClock } from "../../src/actors/kernel/index.ts";
import {
  ArchivedLogStore,
  type AttemptKey,
  FolderLogStore,
  type LogPiece,
} from "../../src/actors/logs/index.ts";

/** A store of its own for each call. */
export type MakeBlobs = () => Promise<BlobStore>;

const segmentBytes = 100_000;

interface Place {
  readonly directory: string;
  readonly blobs: BlobStore;
}

const blobKey = (key: AttemptKey): string => `logs/${key.runId}/${key.job}.${key.attempt}`;

export function archivedLogContract(name: string, make: MakeBlobs): void {
  async function place(): Promise<Place> {
    const directory = await mkdtemp(join(tmpdir(), "troupe-logs-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    return { directory, blobs: await make() };
  }

  async function open({ directory, blobs }: Place): Promise<ArchivedLogStore> {
    const folder = new FolderLogStore({ directory });
    const options = { folder, blobs, clock: systemClock, logger: silentLogger, segmentBytes };
    const logs = new ArchivedLogStore(options);
    onTestFinished(() => logs.close());
    await logs.start();
    return logs;
  }

  describe(`logs in ${name}`, () => {
    const key: AttemptKey = { runId: "r", job: "j", attempt: 1 };

    it("go there when they have ended, and are read from there as before", async () => {
      const at = await place();
      const logs = await open(at);
      await write(logs, key, text(300_000));
      const early = readAll(logs.follow(key, 100));
      await logs.seal(key);
      await logs.archived();
      expect(existsSync(join(at.directory, "r", "j.1.log"))).toBe(false);
      expect((await at.blobs.stat(blobKey(key)))?.bytes).toBe(300_000);
      const whole = text(300_000);
      for (const read of [await early, await readAll(logs.follow(key, 100))]) {
        expect(read.equals(whole.subarray(100))).toBe(true);
      }
      expect((await readAll(logs.stored(key, 0))).equals(whole)).toBe(true);
      expect(
        Buffer.from(await logs.read(key, 250_000, 10)).equals(whole.subarray(250_000, 250_010)),
      ).toBe(true);
      expect(await logs.end(key)).toBe(300_000);
      expect(await logs.append(key, 299_990, whole.subarray(299_990))).toBe(300_000);
      await expect(logs.append(key, 300_000, Buffer.from("x"))).rejects.toMatchObject({
        code: "TROUPE_LOG_SEALED",
      });
    });

    it("keep when their bytes came, also for whoever reads them meanwhile", async () => {
      const at = await place();
      const logs = await open(at);
      const times = [
        { offset: 0, atMs: 1_700_000_000_000 },
        { offset: 2, atMs: 1_700_000_001_000 },
        { offset: 4, atMs: 1_700_000_002_000 },
      ];
      for (const time of times) await logs.append(key, time.offset, Buffer.from("x\n"), [time]);
      const reader = logs.times(key);
      expect(await reader.between(0, 3)).toEqual(times.slice(0, 2));
      await logs.seal(key);
      await logs.archived();
      expect(existsSync(join(at.directory, "r"))).toBe(false);
      expect(await reader.between(3, 6)).toEqual(times.slice(1));
      expect(await logs.times(key).between(0, 6)).toEqual(times);
      expect(await logs.expire({ ageMsMax: 0 }, Date.now() + 60_000)).toBe(1);
      expect(await logs.times(key).between(0, 6)).toEqual([]);
      for await (const { key: left } of at.blobs.list("logs/")) throw new Error(`${left} is left`);
    });

    it("a follower who is slow while they go there misses nothing", async () => {
      const logs = await open(await place());
      const whole = text(1_000_000);
      await write(logs, key, whole);
      const pieces: Buffer[] = [];
      for await (const { data } of logs.follow(key, 0)) {
        pieces.push(Buffer.from(data));
        if (pieces.length !== 2) continue;
        await logs.seal(key);
        await logs.archived();
      }
      expect(Buffer.concat(pieces).equals(whole)).toBe(true);
    });

    it("a long one in the middle of its life is whole for whoever reads it", async () => {
      const at = await place();
      const logs = await open(at);
      const whole = text(2 * segmentBytes + 5);
      await write(logs, key, whole);
      await logs.archived();
      expect((await readAll(logs.stored(key, 7))).equals(whole.subarray(7))).toBe(true);
      await logs.seal(key);
      await logs.archived();
      expect((await readAll(logs.stored(key, 0))).equals(whole)).toBe(true);
      expect((await at.blobs.stat(blobKey(key)))?.bytes).toBe(whole.length);
    });

    it("an interruption at any step loses nothing and doubles nothing", async () => {
      const whole = text(segmentBytes + 20_000);
      let steps = 1;
      for (let interrupted = true; interrupted; steps++) {
        for (const when of ["before", "after"] as const) {
          const at = await place();
          const fault = faulty(at.blobs, steps, when);
          const first = await open({ ...at, blobs: fault.blobs });
          await write(first, key, whole).catch(() => {});
          await first.seal(key).catch(() => {});
          await first.archived();
          await first.close();
          interrupted = fault.happened();

          const second = await open(at);
          const end = await second.end(key);
          await write(second, key, whole.subarray(end), end);
          await second.seal(key);
          await second.archived();
          expect((await readAll(second.stored(key, 0))).equals(whole)).toBe(true);
          expect((await at.blobs.stat(blobKey(key)))?.bytes).toBe(whole.length);
          expect(existsSync(join(at.directory, "r"))).toBe(false);
        }
      }
      expect(steps).toBeGreaterThan(2);
    });

    it("are deleted as retention says, those under way never", async () => {
      const at = await place();
      const logs = await open(at);
      for (const attempt of [1, 2, 3]) {
        await write(logs, { ...key, attempt }, text(1_000));
        if (attempt < 3) await logs.seal({ ...key, attempt });
      }
      await logs.archived();
      expect(await logs.expire({ countMax: 0 }, Date.now())).toBe(2);
      expect(await logs.end({ ...key, attempt: 1 })).toBe(0);
      expect(await at.blobs.stat(blobKey(key))).toBeUndefined();
      expect(await logs.end({ ...key, attempt: 3 })).toBe(1_000);
    });
  });
}

/** No byte like its neighbours a segment away. */
function text(bytes: number): Buffer {
  const line = Buffer.from(Array.from({ length: 251 }, (_, at) => at));
  return Buffer.alloc(bytes, line);
}

async function write(
  logs: ArchivedLogStore,
  key: AttemptKey,
  bytes: Buffer,
  from = 0,
): Promise<void> {
  const chunkBytes = 60_000;
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    await logs.append(key, from + at, bytes.subarray(at, at + chunkBytes));
  }
}

async function readAll(pieces: AsyncIterable<LogPiece>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const { data } of pieces) all.push(data);
  return Buffer.concat(all);
}

/** The store of a process that dies: from the given call on nothing is done any more; that one perhaps. */
function faulty(blobs: BlobStore, step: number, when: "before" | "after") {
  let calls = 0;
  const dies = async <T>(work: () => Promise<T>): Promise<T> => {
    calls += 1;
    if (calls < step) return work();
    if (calls === step && when === "after") await work();
    throw new Error("the process has died");
  };
  const store: BlobStore = {
    put: (...of) => blobs.put(...of),
    append: (...of) => dies(() => blobs.append(...of)),
    get: (...of) => blobs.get(...of),
    stat: (...of) => dies(() => blobs.stat(...of)),
    delete: (...of) => dies(() => blobs.delete(...of)),
    list: (...of) => blobs.list(...of),
    dropUploads: (...of) => blobs.dropUploads(...of),
    close: async () => {},
  };
  if (blobs.adopt !== undefined) {
    store.adopt = (...of) => dies(async () => (await blobs.adopt?.(...of)) ?? false);
  }
  return { blobs: store, happened: () => calls >= step };
}
