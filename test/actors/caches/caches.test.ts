import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { contentKey, FolderBlobStore } from "../../../src/actors/blobs/index.ts";
import {
  type CacheEntry,
  CacheIndex,
  Caches,
  cacheIndexId,
  contentOnlyOf,
  foundIn,
  overflowOf,
} from "../../../src/actors/caches/index.ts";
import { limits, silentLogger, systemClock } from "../../../src/actors/kernel/index.ts";
import { createSystem } from "../../../src/actors/system/index.ts";
import { temporaryFolder } from "../../agent/support/folder.ts";

function entry(key: string, savedAtMs: number, scope = "p"): CacheEntry {
  return { scope, key, sha256: `of-${key}`, bytes: 1, savedAtMs, usedAtMs: savedAtMs };
}

describe("looking for a cache", () => {
  const entries = [
    entry("npm-linux-1", 10),
    entry("npm-linux-2", 30),
    entry("npm-mac-3", 40),
    entry("npm-linux-4", 20),
    entry("npm-linux-5", 99, "other"),
  ];
  it.each([
    ["npm-linux-1", ["npm-linux-"], "npm-linux-1"],
    ["npm-linux-9", ["npm-linux-"], "npm-linux-2"],
    ["npm-linux-9", ["none-", "npm-"], "npm-mac-3"],
    ["npm-linux-9", ["npm-linux-", "npm-"], "npm-linux-2"],
    ["npm-linux-", [], undefined],
    ["npm-linux-5", [], undefined],
    ["x", ["y"], undefined],
  ])("%s, else %j, finds %s", (key, restoreKeys, found) => {
    expect(foundIn(entries, { scope: "p", key, restoreKeys })?.key).toBe(found);
  });
});

it("what is kept fits, and nothing that went was used later than what stayed and would have fitted beside it", () => {
  const one = fc.record({
    hash: fc.integer({ min: 1, max: 5 }),
    usedAtMs: fc.integer({ min: 0, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(one), fc.nat(20), fc.nat(8), (made, bytesMax, entriesMax) => {
      const entries = made.map(({ hash, usedAtMs }, n) => ({
        ...entry(`k${n}`, usedAtMs),
        sha256: `h${hash}`,
        bytes: hash,
      }));
      const dropped = overflowOf(entries, { bytesMax, entriesMax });
      const kept = entries.filter((each) => !dropped.includes(each));
      const content = new Map(kept.map(({ sha256, bytes }) => [sha256, bytes]));
      const total = [...content.values()].reduce((sum, bytes) => sum + bytes, 0);
      expect(total).toBeLessThanOrEqual(bytesMax);
      expect(kept.length).toBeLessThanOrEqual(entriesMax);
      for (const each of dropped) {
        const more = content.has(each.sha256) ? 0 : each.bytes;
        const later = kept.filter(({ usedAtMs }) => usedAtMs >= each.usedAtMs);
        const beside = new Map(later.map(({ sha256, bytes }) => [sha256, bytes]));
        const laterBytes = [...beside.values()].reduce((sum, bytes) => sum + bytes, 0);
        const fits = laterBytes + more <= bytesMax && kept.length < entriesMax;
        if (fits) expect(total + more).toBeGreaterThan(bytesMax);
      }
      for (const hash of contentOnlyOf(dropped, kept)) expect(content.has(hash)).toBe(false);
    }),
  );
});

async function bench(bytesMax = 1_000) {
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const system = await createSystem({ name: "caches", clock, logger: silentLogger });
  const blobs = new FolderBlobStore({ directory: temporaryFolder() });
  onTestFinished(async () => {
    await system.stop();
    await blobs.close();
  });
  const caches = new Caches({
    blobs,
    index: () => system.actor(CacheIndex, cacheIndexId),
    bytesMax,
    unusedMs: limits.cacheUnusedMs,
    clock,
    logger: silentLogger,
  });
  async function* once(data: Buffer) {
    yield data;
  }
  return {
    caches,
    blobs,
    ahead: (ms: number) => {
      aheadMs += ms;
    },
    save: async (key: string, text: string, scope = "p") => {
      const { sha256, bytes } = await blobs.put(() => once(Buffer.from(text)));
      return caches.save({ scope, key, sha256, bytes });
    },
    find: async (key: string, scope = "p") =>
      (await caches.find({ scope, key, restoreKeys: [] }))?.sha256,
    stored: async () => {
      let count = 0;
      for await (const _ of blobs.list()) count += 1;
      return count;
    },
  };
}

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

describe("caches", () => {
  it("keep what came first under a key, in its own scope", async () => {
    const { save, find, caches } = await bench();
    expect(await save("k", "first")).toBe(true);
    expect(await save("k", "second")).toBe(false);
    expect(await find("k")).toBe(hashOf("first"));
    expect(await find("k", "q")).toBeUndefined();
    expect(await caches.holds("p", hashOf("first"))).toBe(true);
    expect(await caches.holds("q", hashOf("first"))).toBe(false);
    const ghost = { scope: "p", key: "g", sha256: hashOf("never put"), bytes: 9 };
    await expect(caches.save(ghost)).rejects.toThrow(/TROUPE_BLOB_NOT_FOUND|no blob|is not there/i);
  });

  it("make room by what was not used for longest; content that another entry names stays", async () => {
    const { save, find, stored, ahead } = await bench(10);
    await save("a", "aaaa");
    ahead(limits.cacheUseNotedMs);
    await save("b", "bbbb");
    await save("same", "bbbb", "q");
    ahead(limits.cacheUseNotedMs);
    expect(await find("a")).toBe(hashOf("aaaa"));
    await save("c", "cccc");
    expect(await find("b")).toBeUndefined();
    expect(await find("same", "q")).toBeUndefined();
    expect(await find("a")).toBe(hashOf("aaaa"));
    expect(await stored()).toBe(2);
    await save("d", "cccc", "q");
    expect(await stored()).toBe(2);
    expect(await find("d", "q")).toBe(hashOf("cccc"));
  });

  it("are deleted when nobody has used them for a week, and what nobody names after a day", async () => {
    const { caches, blobs, save, find, stored, ahead } = await bench();
    await save("old", "old");
    ahead(limits.cacheUnusedMs - 1_000);
    await save("used", "used");
    ahead(2_000);
    await caches.sweep();
    expect(await find("old")).toBeUndefined();
    expect(await find("used")).toBe(hashOf("used"));
    async function* lost() {
      yield Buffer.from("left over by a crash");
    }
    await blobs.put(lost);
    expect(await stored()).toBe(2);
    await caches.sweep();
    // Files have the machine's time, so by the clock that is ahead it is old at once.
    expect(await stored()).toBe(1);
  });

  it("forget an entry whose content is gone", async () => {
    const { blobs, save, find } = await bench();
    await save("k", "first");
    await blobs.delete(contentKey(hashOf("first")));
    expect(await find("k")).toBeUndefined();
    expect(await save("k", "second")).toBe(true);
    expect(await find("k")).toBe(hashOf("second"));
  });

  it("go when a person says so, and content that another entry names stays", async () => {
    const { caches, save, find, stored } = await bench();
    await save("a", "same", "p/0");
    await save("a", "same", "q/0");
    await save("b", "other", "p/0");
    expect(await caches.remove({ pipeline: "p", keys: ["a"] })).toEqual({
      removed: 1,
      freedBytes: 0,
      unknownKeys: [],
    });
    expect(await find("a", "p/0")).toBeUndefined();
    expect(await find("a", "q/0")).toBe(hashOf("same"));
    expect(await stored()).toBe(2);
    expect(await caches.remove({ keys: ["a", "b"] })).toMatchObject({ removed: 2, freedBytes: 9 });
    expect(await stored()).toBe(0);
    expect(await caches.list()).toEqual([]);
    expect(await caches.remove({ pipeline: "p" })).toMatchObject({ removed: 0, unknownKeys: [] });
    expect(await save("a", "anew", "p/0")).toBe(true);
  });

  it("stay all of them where one of the keys is unknown", async () => {
    const { caches, save, find, stored } = await bench();
    await save("a", "aaaa");
    const removal = await caches.remove({ keys: ["a", "b"] });
    expect(removal).toEqual({ removed: 0, freedBytes: 0, unknownKeys: ["b"] });
    expect(await find("a")).toBe(hashOf("aaaa"));
    expect(await stored()).toBe(1);
  });

  it("are read to their end by whoever reads them while they are deleted", async () => {
    const { caches, blobs, save, find } = await bench(10_000_000);
    const text = "0123456789".repeat(300_000);
    await save("k", text);
    const pieces: Uint8Array[] = [];
    for await (const piece of blobs.get(contentKey(hashOf(text)))) {
      if (pieces.length === 0) await caches.remove({ keys: ["k"] });
      pieces.push(piece);
    }
    expect(pieces.length).toBeGreaterThan(1);
    expect(Buffer.concat(pieces).toString()).toBe(text);
    expect(await find("k")).toBeUndefined();
  });
});
