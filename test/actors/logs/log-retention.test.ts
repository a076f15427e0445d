import { mkdtemp, readdir, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { FolderLogStore } from "../../../src/actors/logs/index.ts";
import { expiredLogs, type FinishedLog } from "../../../src/actors/logs/log-retention.ts";

const log = (path: string, endedAtMs: number, bytes = 10): FinishedLog => ({
  path,
  bytes,
  endedAtMs,
});

describe("which logs have had their time", () => {
  const logs = [log("b", 2_000), log("a", 1_000), log("c", 3_000, 50)];
  it.each([
    [{}, []],
    [{ ageMsMax: 1_000 }, ["a"]],
    [{ ageMsMax: 0 }, ["a", "b"]],
    [{ countMax: 2 }, ["a"]],
    [{ countMax: 0 }, ["a", "b", "c"]],
    [{ bytesMax: 60 }, ["a"]],
    [{ bytesMax: 55 }, ["a", "b"]],
    [{ bytesMax: 0 }, ["a", "b", "c"]],
    [{ ageMsMax: 1_500, countMax: 1 }, ["a", "b"]],
  ])("%j", (retention, expected) => {
    expect(expiredLogs(logs, retention, 3_000).map(({ path }) => path)).toEqual(expected);
  });
});

describe("a folder's logs", () => {
  const key = (runId: string, job = "build") => ({ runId, job, attempt: 1 });

  async function storeWith(...runs: readonly string[]): Promise<[FolderLogStore, string]> {
    const directory = await mkdtemp(join(tmpdir(), "troupe-"));
    const store = new FolderLogStore({ directory });
    onTestFinished(async () => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    });
    for (const [index, runId] of runs.entries()) {
      await store.append(key(runId), 0, Buffer.from(`log of ${runId}\n`));
      await store.seal(key(runId));
      const seal = join(directory, runId, "build.1.log.sealed");
      await utimes(seal, index + 1, index + 1);
    }
    return [store, directory];
  }

  it("lose what retention does not keep, for good, and nothing else", async () => {
    const [store, directory] = await storeWith("run-1", "run-2", "run-3");
    await store.append(key("run-1", "still-going"), 0, Buffer.from("x"));
    expect(await store.expire({ countMax: 1 }, 10_000)).toBe(2);
    expect(await store.end(key("run-1"))).toBe(0);
    expect(await store.read(key("run-2"), 0, 100)).toHaveLength(0);
    expect(Buffer.from(await store.read(key("run-3"), 0, 100)).toString()).toBe("log of run-3\n");
    expect(await store.end(key("run-1", "still-going"))).toBe(1);
    expect((await readdir(directory)).sort()).toEqual(["run-1", "run-3"]);
    expect(await store.expire({ countMax: 1 }, 10_000)).toBe(0);
  });

  it("are kept where there is no folder yet, and refuse nonsense", async () => {
    const store = new FolderLogStore({ directory: join(tmpdir(), "troupe-no-such-folder") });
    expect(await store.expire({ ageMsMax: 0 }, 10_000)).toBe(0);
    await expect(store.expire({ bytesMax: -1 }, 0)).rejects.toThrow(/retention.bytesMax/);
    await store.close();
  });

  it("go out to a thousand followers, and one that is frozen holds up nobody", async () => {
    const [store] = await storeWith();
    const running = key("run-9");
    const line = Buffer.alloc(4_000, "x");
    const total = 50 * line.length;
    const follower = async (): Promise<number> => {
      let bytes = 0;
      for await (const { offset, data } of store.follow(running, 0)) {
        expect(offset).toBe(bytes);
        bytes += data.length;
      }
      return bytes;
    };
    const frozen = store.follow(running, 0)[Symbol.asyncIterator]();
    const first = frozen.next();
    const followers = Array.from({ length: 1_000 }, follower);
    for (let offset = 0; offset < total; offset += line.length) {
      await store.append(running, offset, line);
    }
    await store.seal(running);
    expect(new Set(await Promise.all(followers))).toEqual(new Set([total]));

    // It goes on from the store, as if nothing had been.
    let thawed = (await first).value?.data.length ?? 0;
    for (let next = await frozen.next(); next.done !== true; next = await frozen.next()) {
      thawed += next.value.data.length;
    }
    expect(thawed).toBe(total);
  });
});
