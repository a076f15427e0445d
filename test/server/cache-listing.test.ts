/** Caches as people see and delete them, over the control socket. */
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { limits } from "../../src/actors/kernel/index.ts";
import { cachingServer } from "./caching-server.ts";
import { clientOf, runningServer } from "./running-server.ts";

const hashOf = (text: string) => createHash("sha256").update(text).digest("hex");

it("are listed with pipeline, key, size and times, the last used first", async () => {
  const setup = { pipelines: ["p", "q"], keys: ["a", "b"] };
  const { client, save } = await cachingServer(setup, { cachesBytesMax: 1_000 });
  const beganAtMs = Date.now();
  await save({ pipeline: "p", key: "a" }, "same");
  await save({ pipeline: "q", key: "a" }, "same");
  await save({ pipeline: "p", key: "b" }, "another");
  const all = await client.listCaches({ pipeline: "", limit: 0 });
  expect(all).toMatchObject({ cachesTotal: 3, storedBytes: 11, bytesMax: 1_000 });
  const named = all.caches.map(({ pipeline, key }) => `${pipeline} ${key}`);
  expect(named).toEqual(["p b", "q a", "p a"]);
  const [newest] = all.caches;
  expect(newest).toMatchObject({ bytes: 7, sha256: hashOf("another") });
  expect(newest?.savedAtMs).toBeGreaterThanOrEqual(beganAtMs);
  expect(newest?.usedAtMs).toBe(newest?.savedAtMs);
  expect(await client.listCaches({ pipeline: "p", limit: 1 })).toMatchObject({
    caches: [{ pipeline: "p", key: "b" }],
    cachesTotal: 2,
    storedBytes: 11,
  });
  expect(await client.listCaches({ pipeline: "none", limit: 0 })).toMatchObject({ caches: [] });
});

it("are deleted by key or by pipeline, and jobs that go on can save them again", async () => {
  const setup = { pipelines: ["p", "q"], keys: ["a", "b"] };
  const { client, save, find } = await cachingServer(setup);
  const own = { pipeline: "p", key: "a" };
  await save(own, "same");
  await save({ pipeline: "q", key: "a" }, "same");
  await save({ pipeline: "p", key: "b" }, "another");
  expect(await client.deleteCaches({ pipeline: "p", keys: ["a"], all: false })).toEqual({
    deleted: 1,
    freedBytes: 0,
  });
  expect(await find(own)).toBeUndefined();
  expect(await find({ pipeline: "q", key: "a" })).toBe(hashOf("same"));
  expect(await save(own, "anew")).toBe(true);
  expect(await client.deleteCaches({ pipeline: "p", keys: [], all: true })).toEqual({
    deleted: 2,
    freedBytes: 11,
  });
  expect(await find(own)).toBeUndefined();
  expect(await client.deleteCaches({ pipeline: "p", keys: [], all: true })).toEqual({
    deleted: 0,
    freedBytes: 0,
  });
  expect((await client.listCaches({ pipeline: "", limit: 0 })).cachesTotal).toBe(1);
});

it("stay where a key is unknown, or it is not said which", async () => {
  const { client, save, find } = await cachingServer({ pipelines: ["p"], keys: ["a"] });
  const own = { pipeline: "p", key: "a" };
  await save(own, "text");
  const unknown = client.deleteCaches({ pipeline: "p", keys: ["a", "x"], all: false });
  await expect(unknown).rejects.toMatchObject({
    code: "TROUPE_CACHE_NOT_FOUND",
    message: expect.stringContaining('no cache "x" of the pipeline "p", so none was deleted'),
  });
  const other = client.deleteCaches({ pipeline: "q", keys: ["a"], all: false });
  await expect(other).rejects.toMatchObject({ code: "TROUPE_CACHE_NOT_FOUND" });
  for (const request of [
    { pipeline: "", keys: [], all: false },
    { pipeline: "p", keys: [], all: false },
    { pipeline: "", keys: [], all: true },
    { pipeline: "p", keys: ["a"], all: true },
  ]) {
    const deleting = client.deleteCaches(request);
    await expect(deleting).rejects.toMatchObject({ code: "TROUPE_REQUEST_INVALID" });
  }
  expect(await find(own)).toBe(hashOf("text"));
});

it("may take what the limit says where the server was told nothing", async () => {
  const client = await clientOf(await runningServer());
  const { bytesMax, caches } = await client.listCaches({ pipeline: "", limit: 0 });
  expect({ bytesMax, caches }).toEqual({ bytesMax: limits.cachesBytesMax, caches: [] });
});
