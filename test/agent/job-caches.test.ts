import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { arch, platform } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  AgentFact,
  type Cache,
  type CacheKey,
  Outcome,
  type StoredFile,
} from "../../proto/troupe/agent/v1/agent.ts";
import { type AgentClock, systemClock } from "../../src/agent/clock.ts";
import { hashFiles } from "../../src/agent/hash-files.ts";
import { packArchive } from "../../src/agent/pack-archive.ts";
import { type BlobLink, TransferRefusedError, Transfers } from "../../src/agent/transfers.ts";
import { temporaryFolder } from "./support/folder.ts";
import { runJob } from "./support/job.ts";

/** Caches in memory, found by their exact key or the first beginning. */
function memoryCaches() {
  const files = new Map<string, Buffer>();
  const entries: { key: string; file: StoredFile }[] = [];
  const link: BlobLink = {
    async put({ sha256, bytes, cache }, bytesFrom) {
      const pieces: Uint8Array[] = [];
      for await (const piece of bytesFrom(0)) pieces.push(piece);
      files.set(sha256, Buffer.concat(pieces));
      const key = cache?.key ?? "no cache";
      if (entries.some((entry) => entry.key === key)) return false;
      entries.push({ key, file: { sha256, bytes, what: "" } });
      return true;
    },
    async *get({ sha256, offset, cache }) {
      expect(cache).toBe(true);
      const file = files.get(sha256);
      if (file === undefined) throw new TransferRefusedError("no such file");
      yield file.subarray(offset);
    },
    async findCache({ key, restoreKeys }) {
      return (
        entries.find((entry) => entry.key === key) ??
        entries.find((entry) => restoreKeys.some((each) => entry.key.startsWith(each)))
      );
    },
  };
  const transfers = new Transfers({ link: () => link, clock: systemClock, random: () => 0 });
  return { files, entries, link, transfers };
}

type Part = string | { readonly files: string[] } | { readonly agent: AgentFact };

function key(...parts: readonly Part[]): CacheKey {
  return {
    parts: parts.map((part) => {
      if (typeof part === "string") return { part: { $case: "text", value: part } };
      if ("agent" in part) return { part: { $case: "agent", value: part.agent } };
      return { part: { $case: "hashFiles", value: { patterns: part.files } } };
    }),
  };
}

const kept = (changes: Partial<Cache> = {}): Cache => ({
  key: key("k1"),
  restoreKeys: [],
  paths: ["kept"],
  ...changes,
});

const fill = "cat kept/f 2>/dev/null || { mkdir -p kept; echo made >kept/f; }";

describe("caches of a job", () => {
  test("are missed, saved, and found again by the next one", async () => {
    const store = memoryCaches();
    const first = await runJob({ script: fill, caches: [kept()] }, store);
    expect(first.outcome).toBe(Outcome.SUCCEEDED);
    expect(first.log).toMatch(/^troupe: cache k1: missed\ntroupe: cache k1: saved \(\d+ B\)\n$/);
    const second = await runJob({ script: fill, caches: [kept()] }, store);
    expect(second.log).toMatch(/^troupe: cache k1: hit, restored \(\d+ B\)\nmade\n$/);
    expect(store.entries).toHaveLength(1);
    const next = kept({ key: key("k2"), restoreKeys: [key("k")] });
    const third = await runJob({ script: fill, caches: [next] }, store);
    expect(third.log).toMatch(
      /cache k2: missed, restored k1 \(.*\)\nmade\ntroupe: cache k2: saved/,
    );
  });

  test("their key is made of files as they are before the script, and of the agent", async () => {
    const store = memoryCaches();
    const folder = temporaryFolder();
    writeFileSync(join(folder, "lock"), "1");
    mkdirSync(join(folder, "kept"));
    writeFileSync(join(folder, "kept/own"), "own");
    const file = join(temporaryFolder(), "archive.tgz");
    const packed = await packArchive({ folder, paths: ["lock", "kept"], file });
    store.files.set(packed.sha256, readFileSync(file));
    const hash = await hashFiles(folder, ["lock"], new AbortController().signal);
    const cache = kept({
      key: key("npm-", { agent: AgentFact.OS }, "-", { agent: AgentFact.ARCH }, "-", {
        files: ["lock"],
      }),
    });
    const { link } = store;
    const transfers = new Transfers({
      // The workspace is no cache.
      link: () => ({
        ...link,
        get: (request) => link.get({ ...request, cache: true }, new AbortController().signal),
      }),
      clock: systemClock,
      random: () => 0,
    });
    const inputs = [{ sha256: packed.sha256, bytes: packed.bytes, what: "the uploaded workspace" }];
    const job = await runJob(
      { script: `${fill}; echo 2 >lock`, inputs, caches: [cache] },
      { transfers },
    );
    expect(job.outcome).toBe(Outcome.SUCCEEDED);
    expect(store.entries.map((entry) => entry.key)).toEqual([
      `npm-${platform()}-${arch()}-${hash}`,
    ]);
    // Where a folder is there already, it is filled up.
    const again = { script: "cat kept/f kept/own", inputs, caches: [cache] };
    expect((await runJob(again, { transfers })).log).toContain("made\nown");
  });

  test("are not saved by a job that failed, and cannot fail one", async () => {
    const store = memoryCaches();
    await runJob({ script: `${fill}; exit 3`, caches: [kept()] }, store);
    expect(store.entries).toEqual([]);
    const nothing = await runJob({ script: "true", caches: [kept()] }, store);
    expect(nothing).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(nothing.log).toContain("cache k1: not saved, as nothing of it is there");
    const outside = "mkdir kept; ln -s /etc kept/x";
    const bad = await runJob({ script: outside, caches: [kept()] }, store);
    expect(bad).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(bad.log).toContain("the cache is not saved: the link");
    const unhashed = kept({ key: key("k", { files: ["none"] }) });
    const unkeyed = await runJob({ script: fill, caches: [unhashed, kept()] }, store);
    expect(unkeyed).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(unkeyed.log).toContain("the cache is not used: no file matches none");
    expect(store.entries.map((entry) => entry.key)).toEqual(["k1"]);
  });

  test("with other paths in them, or broken, leave the workspace as it was", async () => {
    const store = memoryCaches();
    const folder = temporaryFolder();
    mkdirSync(join(folder, "kept"));
    writeFileSync(join(folder, "kept/f"), "poison");
    writeFileSync(join(folder, "evil"), "poison");
    const file = join(temporaryFolder(), "archive.tgz");
    const { sha256, bytes } = await packArchive({ folder, paths: ["kept", "evil"], file });
    store.files.set(sha256, readFileSync(file));
    store.entries.push({ key: "k1", file: { sha256, bytes, what: "" } });
    const job = await runJob({ script: "ls -A", caches: [kept()] }, store);
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(job.log).toContain('the cache is not used: the entry "./evil" is none of kept');
    expect(job.log).not.toMatch(/^(kept|evil)$/m);
    store.entries.splice(0, 1, { key: "k1", file: { sha256: "0".repeat(64), bytes: 5, what: "" } });
    const gone = await runJob({ script: "ls -A", caches: [kept()] }, store);
    expect(gone.log).toContain("the cache is not used: no such file");
  });

  test("are given up when the server is away, and with the job", async () => {
    const hasty: AgentClock = {
      ...systemClock,
      setTimer: (delayMs, fire) => systemClock.setTimer(delayMs / 1_000, fire),
    };
    const transfers = new Transfers({ link: () => undefined, clock: hasty, random: () => 1 });
    const job = await runJob({ script: "echo ran", caches: [kept()] }, { transfers, clock: hasty });
    expect(job).toMatchObject({ outcome: Outcome.SUCCEEDED });
    expect(job.log).toContain("the cache is not used: the server took longer than 30 s\nran\n");
  });
});

describe("a hash of files", () => {
  test("is of names and content, the same in any order, without links and .git", async () => {
    const folder = temporaryFolder();
    const hashOf = (...patterns: string[]) =>
      hashFiles(folder, patterns, new AbortController().signal);
    for (const name of ["a", "b/c", ".git/c"]) mkdirSync(join(folder, name), { recursive: true });
    for (const name of ["lock", "a/lock", "b/c/lock", ".git/c/lock"]) {
      writeFileSync(join(folder, name), name);
    }
    symlinkSync(join(folder, "lock"), join(folder, "a/linked-lock"));
    const all = await hashOf("**/*lock");
    expect(all).toMatch(/^[0-9a-f]{64}$/);
    expect(await hashOf("**/lock")).toBe(all);
    expect(await hashOf("./b/**", "a/*", "lock")).toBe(all);
    expect(await hashOf("**/lock", "!b/**")).not.toBe(all);
    expect(await hashOf("!b/**", "lock", "a/lock")).toBe(await hashOf("**/lock", "!b/**"));
    expect(await hashOf("none", "*.txt")).toBeUndefined();
    writeFileSync(join(folder, "b/c/lock"), "changed");
    expect(await hashOf("**/lock")).not.toBe(all);
  });
});
