import { mkdtemp, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { type BlobStore, FolderBlobStore } from "../../src/actors/blobs/index.ts";
import { silentLogger } from "../../src/actors/kernel/index.ts";
import type { StoredFile } from "../../src/actors/workers/index.ts";
import { FileSweep, FilesInUse } from "../../src/server/file-sweep.ts";

const hourMs = 3_600_000;

async function sweeping(of: { held?: StoredFile[]; blobs?: (real: BlobStore) => BlobStore } = {}) {
  const directory = await mkdtemp(join(tmpdir(), "troupe-"));
  const blobs = new FolderBlobStore({ directory });
  onTestFinished(async () => {
    await blobs.close();
    await rm(directory, { recursive: true, force: true });
  });
  const inUse = new FilesInUse();
  const raised: number[] = [];
  const { held = [] } = of;
  const sweep = new FileSweep({
    blobs: of.blobs?.(blobs) ?? blobs,
    runs: { ongoing: async () => ["r"], files: async () => ({ files: held, ended: false }) },
    ...{ inUse, retention: { ageMsMax: hourMs }, logger: silentLogger },
    marks: { raise: async (_, atMs) => void raised.push(atMs) },
  });
  /** Stored so many hours ago. */
  const stored = async (text: string, hours: number): Promise<StoredFile> => {
    const blob = await blobs.put(async function* () {
      yield Buffer.from(text);
    });
    const at = Date.now() / 1_000 - hours * 3_600;
    await utimes(join(directory, "content", blob.sha256.slice(0, 2), blob.sha256), at, at);
    return blob;
  };
  const isThere = async ({ sha256 }: StoredFile): Promise<boolean> =>
    (await blobs.stat(`sha256/${sha256}`)) !== undefined;
  return { sweep, inUse, raised, stored, isThere, blobs };
}

it("removes what is old, and nothing that a run holds which has not ended", async () => {
  const held: StoredFile[] = [];
  const { sweep, stored, isThere, raised, blobs } = await sweeping({ held });
  const [old, ancient, young] = [
    await stored("a", 2),
    await stored("b", 9),
    await stored("c", 0.5),
  ];
  held.push(await stored("d", 99));
  await blobs.append("logs/r/a.1", 0, Buffer.from("a log"));
  expect(await sweep.expire(Date.now())).toBe(2);
  expect(await Promise.all([old, ancient, young, ...held].map(isThere))).toEqual([
    ...[false, false, true, true],
  ]);
  expect(raised).toHaveLength(1);
  expect(Math.abs((raised[0] ?? 0) - (Date.now() - 2 * hourMs))).toBeLessThan(60_000);
  expect((await blobs.stat("logs/r/a.1"))?.bytes).toBe(5);
  expect(await sweep.expire(Date.now())).toBe(0);
  expect(raised).toHaveLength(1);
});

it("leaves what is stored again, or named, while it looks", async () => {
  let meanwhile = async (): Promise<void> => {};
  const { sweep, inUse, stored, isThere, blobs } = await sweeping({
    blobs: (real) =>
      ({
        list: (prefix) => real.list(prefix),
        delete: (key) => real.delete(key),
        stat: async (key) => {
          await meanwhile();
          return real.stat(key);
        },
      }) as BlobStore,
  });
  const named = await stored("named", 2);
  meanwhile = () => inUse.during(named.sha256, async () => {});
  expect(await sweep.expire(Date.now())).toBe(0);
  const again = await stored("again", 2);
  meanwhile = async () => {
    await inUse.during(named.sha256, async () => {});
    await blobs.put(async function* () {
      yield Buffer.from("again");
    });
  };
  expect(await sweep.expire(Date.now())).toBe(0);
  let end = (): void => {};
  const using = inUse.during(named.sha256, () => new Promise<void>((resolve) => (end = resolve)));
  meanwhile = async () => {};
  expect(await sweep.expire(Date.now())).toBe(0);
  end();
  await using;
  expect(await sweep.expire(Date.now())).toBe(1);
  expect([await isThere(named), await isThere(again)]).toEqual([false, true]);
});

it("wants an age that is one", () => {
  const options = { retention: { ageMsMax: Number.NaN } } as ConstructorParameters<
    typeof FileSweep
  >[0];
  expect(() => new FileSweep(options)).toThrow(/fileRetention.ageMsMax/);
});
