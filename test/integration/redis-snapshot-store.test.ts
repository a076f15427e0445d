/** The snapshot store on real Redis servers: what every store promises, and what only this one can break. */
import { randomUUID } from "node:crypto";
import { connect, createServer } from "node:net";
import { describe, expect, it, onTestFinished } from "vitest";
import { startRedisCluster } from "../../scripts/services/redis-server.mjs";
import { isTroupeError } from "../../src/actors/kernel/index.ts";
import {
  openRedisSnapshotStore,
  type RedisSnapshotStoreOptions,
  type Snapshot,
  type SnapshotKey,
  type SnapshotStore,
} from "../../src/actors/persistence/index.ts";
import { snapshotStoreContract } from "../contracts/snapshot-store-contract.ts";
import { redisClient, redisCluster, redisForTest, redisServer } from "../support/redis.ts";
import { waitUntil } from "../support/wait-until.ts";

const server = redisServer();
const cluster = redisCluster();

/** A prefix of its own for each store, so that the tests share one server and no keys. */
const freshPrefix = (): string => `test-${randomUUID()}`;

snapshotStoreContract("redis", {
  create: ({ keep }) =>
    openRedisSnapshotStore({ url: server.current().url, keep, keyPrefix: freshPrefix() }),
});

snapshotStoreContract("redis cluster", {
  create: ({ keep }) =>
    openRedisSnapshotStore({ urls: cluster.current().urls, keep, keyPrefix: freshPrefix() }),
});

const key: SnapshotKey = { journalId: "c".repeat(32), persistenceId: "account/{alice}" };

function snapshot(sequenceNumber: number, of: Partial<Snapshot> = {}): Snapshot {
  const position = sequenceNumber * 100;
  const facts = { sequenceNumber, position, schemaVersion: 1, timeMs: 1_000 };
  return { ...facts, payload: Buffer.from(`state ${sequenceNumber}`), ...of };
}

async function opened(options: RedisSnapshotStoreOptions): Promise<SnapshotStore> {
  const store = await openRedisSnapshotStore(options);
  onTestFinished(() => store.close());
  return store;
}

/** A store that has its server: a short `timeoutMs` may pass on a busy machine before it is found. */
async function serving(options: RedisSnapshotStoreOptions): Promise<SnapshotStore> {
  const store = await opened(options);
  const isServing = (): Promise<boolean> =>
    store.load(key).then(
      () => true,
      () => false,
    );
  await waitUntil("the store has its server", isServing);
  return store;
}

describe("keys", () => {
  it("of dropped and of refused snapshots go", async () => {
    const { url } = await redisForTest();
    const store = await opened({ url });
    const client = redisClient(url);
    const payload = Buffer.alloc(1_500_000, 3);
    for (let number = 1; number <= 4; number++) {
      await store.save(key, snapshot(number, { payload }));
    }
    expect(await client.dbsize()).toBe(3);
    expect(await store.save(key, snapshot(2, { payload }))).toBe(false);
    await waitUntil("the refused body is gone", async () => (await client.dbsize()) === 3);
    for (const name of await client.keys("*")) expect(await client.pttl(name)).toBe(-1);
    await store.delete(key);
    expect(await client.dbsize()).toBe(0);
  });

  it("of an upload that its owner did not end go by themselves", async () => {
    const { url } = await redisForTest();
    const store = await serving({ url, timeoutMs: 1_000 });
    const client = redisClient(url);
    const saved = store.save(key, snapshot(1, { payload: Buffer.alloc(50_000_000, 3) }));
    const refused = expect(saved).rejects.toThrow("failed to save");
    await waitUntil("it has begun", async () => (await client.dbsize()) > 0, { everyMs: 0 });
    await store.close();
    await refused;
    expect(await client.dbsize()).toBe(1);
    await waitUntil("the half body is gone", async () => (await client.dbsize()) === 0);
  });

  it("hold at most half a megabyte a value", async () => {
    const { url } = await redisForTest();
    const store = await opened({ url });
    const client = redisClient(url);
    await store.save(key, snapshot(1, { payload: Buffer.alloc(2_000_000, 3) }));
    const [body] = (await client.keys("*")).filter((name) => !name.endsWith("}"));
    const chunks = await client.hgetallBuffer(body ?? "");
    expect(Object.entries(chunks).map(([index, chunk]) => [index, chunk.length])).toEqual([
      ["0", 524_288],
      ["1", 524_288],
      ["2", 524_288],
      ["3", 427_136],
    ]);
  });
});

describe("what is not whole", () => {
  it("a body without a chunk, or with other bytes, is not a snapshot", async () => {
    const { url } = await redisForTest();
    const store = await opened({ url });
    const client = redisClient(url);
    await store.save(key, snapshot(1, { payload: Buffer.alloc(1_000_000, 3) }));
    const [body = ""] = (await client.keys("*")).filter((name) => !name.endsWith("}"));
    await client.hset(body, "0", "x".repeat(524_288));
    await expect(store.load(key)).rejects.toThrow("its checksum is wrong");
    await client.hdel(body, "1");
    await expect(store.load(key)).rejects.toThrow(/bytes and should have 1000000/);
  });

  it("a body that lost chunks before its manifest was written is refused", async () => {
    const { url } = await redisForTest();
    const store = await opened({ url, timeoutMs: 5_000 });
    const client = redisClient(url);
    const saved = store.save(key, snapshot(1, { payload: Buffer.alloc(50_000_000, 3) }));
    const refused = expect(saved).rejects.toThrow("before its manifest was written");
    await waitUntil("it has begun", async () => (await client.dbsize()) > 0, { everyMs: 0 });
    await client.flushall();
    await refused;
    expect(await store.load(key)).toBeUndefined();
  });

  it("a wiped server has no snapshots, and takes new ones", async () => {
    const { url } = await redisForTest();
    const store = await opened({ url });
    await store.save(key, snapshot(7));
    const client = redisClient(url);
    await client.flushall();
    await client.script("FLUSH");
    expect(await store.load(key)).toBeUndefined();
    expect(await store.save(key, snapshot(2))).toBe(true);
    expect((await store.load(key))?.sequenceNumber).toBe(2);
  });
});

it("two owners that race leave the newest, whole, and no bodies of others", async () => {
  const { url } = await redisForTest();
  const [older, newer] = [await opened({ url }), await opened({ url })];
  const saves: Promise<unknown>[] = [];
  for (let number = 1; number <= 20; number++) {
    const payload = Buffer.alloc(number % 2 === 0 ? 600_000 : 100, number);
    const store = number % 3 === 0 ? older : newer;
    saves.push(store.save(key, snapshot(number, { payload })).catch((error: unknown) => error));
  }
  await Promise.all(saves);
  expect(await newer.save(key, snapshot(21))).toBe(true);
  expect(await older.save(key, snapshot(20))).toBe(false);
  expect((await older.load(key))?.sequenceNumber).toBe(21);
  const client = redisClient(url);
  const bodies = (await client.keys("*")).filter((name) => !name.endsWith("}"));
  for (const body of bodies) {
    const isTemporary = (await client.pttl(body)) > 0;
    const manifests = await client.hvals(`troupe:snapshot:{${key.journalId}/${key.persistenceId}}`);
    expect(isTemporary || manifests.some((text) => text.includes(body))).toBe(true);
  }
});

describe("trouble", () => {
  it("a server killed under load fails calls at once, and serves again with what it had", async () => {
    const own = await redisForTest(["--appendfsync", "always"]);
    const store = await opened({ url: own.url, timeoutMs: 3_000 });
    let kept = 0;
    let isOver = false;
    const load = (async () => {
      for (let number = 1; !isOver; number++) {
        const isKept = await store.save(key, snapshot(number)).catch(() => false);
        if (isKept) kept = number;
        else await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    await waitUntil("some are kept", () => kept > 50);
    await own.kill();
    const startedMs = performance.now();
    const error: unknown = await store.load(key).catch((thrown: unknown) => thrown);
    expect(isTroupeError(error, "TROUPE_SNAPSHOT_STORE_UNAVAILABLE")).toBe(true);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    const before = kept;
    await own.start();
    await waitUntil("saves are kept again", () => kept > before);
    isOver = true;
    await load;
    expect((await store.load(key))?.sequenceNumber).toBeGreaterThanOrEqual(kept);
  });

  it("a frozen server holds a load no longer than timeoutMs, and is used again when it thaws", async () => {
    const own = await redisForTest();
    const store = await serving({ url: own.url, timeoutMs: 400 });
    await store.save(key, snapshot(1));
    own.freeze();
    try {
      for (let round = 0; round < 4; round++) {
        const startedMs = performance.now();
        await expect(store.load(key)).rejects.toThrow("failed to load");
        expect(performance.now() - startedMs).toBeLessThan(10_000);
      }
    } finally {
      own.thaw();
    }
    const found = await waitUntil("it serves again", () => store.load(key).catch(() => undefined));
    expect(found.sequenceNumber).toBe(1);
  });

  it("a cluster that lost a primary settles every call in time, and serves again with it", async () => {
    const own = await startRedisCluster();
    onTestFinished(() => own.stop());
    const store = await opened({ urls: own.urls, timeoutMs: 1_000 });
    const ids = Array.from({ length: 12 }, (_, n) => ({ ...key, persistenceId: `account/${n}` }));
    const areKept = async (number: number): Promise<boolean> => {
      const saved = await Promise.allSettled(ids.map((id) => store.save(id, snapshot(number))));
      return saved.every((one) => one.status === "fulfilled" && one.value);
    };
    // Each primary answers: a short timeoutMs may pass on a busy machine before all are found.
    await waitUntil("all are kept", () => areKept(1));
    await own.servers[0]?.kill();
    const startedMs = performance.now();
    const results = await Promise.allSettled(ids.map((id) => store.load(id)));
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(results.filter(({ status }) => status === "rejected").length).toBeGreaterThan(0);
    await own.servers[0]?.start();
    // What it had not yet written to its file may be away; a save tells that it serves.
    await waitUntil("all are kept again", () => areKept(2));
    for (const id of ids) expect((await store.load(id))?.sequenceNumber).toBe(2);
  });

  it("a full server refuses the save and keeps what is there", async () => {
    const { url } = await redisForTest(["--maxmemory", "3mb"]);
    const store = await opened({ url });
    await store.save(key, snapshot(1));
    const payload = Buffer.alloc(6_000_000, 1);
    await expect(store.save(key, snapshot(2, { payload }))).rejects.toThrow("OOM");
    expect((await store.load(key))?.sequenceNumber).toBe(1);
  });

  it("a closed store refuses calls", async () => {
    const store = await openRedisSnapshotStore({ url: server.current().url });
    await store.close();
    await expect(store.load(key)).rejects.toThrow("it was closed");
  });
});

describe("the open", () => {
  it("refuses a server that evicts, until it no longer does", async () => {
    const { url } = await redisForTest(["--maxmemory-policy", "allkeys-lru"]);
    await expect(openRedisSnapshotStore({ url })).rejects.toMatchObject({
      code: "TROUPE_SNAPSHOT_STORE_UNUSABLE",
      message: expect.stringMatching(/noeviction, but is allkeys-lru.*CONFIG SET/s) as string,
    });
    await redisClient(url).config("SET", "maxmemory-policy", "noeviction");
    expect(await (await opened({ url })).load(key)).toBeUndefined();
  });

  it("refuses an older version, and says which one is wanted", async () => {
    const url = await outdated((await redisForTest()).port);
    await expect(openRedisSnapshotStore({ url })).rejects.toThrow(
      /must be Redis 6\.0\.0 or newer, but is version 4\..*Upgrade/,
    );
  });

  it("refuses a cluster's node as one server, and one server as a cluster", async () => {
    const [url = ""] = cluster.current().urls;
    await expect(openRedisSnapshotStore({ url })).rejects.toThrow("Give the addresses");
    const urls = [server.current().url];
    await expect(openRedisSnapshotStore({ urls, timeoutMs: 20_000 })).rejects.toMatchObject({
      code: "TROUPE_SNAPSHOT_STORE_UNUSABLE",
      message: expect.stringContaining("Give the one server as url") as string,
    });
  });

  it("says who did not answer, without the password", async () => {
    const own = await redisForTest();
    await own.kill();
    const url = own.url.replace("//", "//:secret@");
    const opening = openRedisSnapshotStore({ url, timeoutMs: 300, mustAnswer: true });
    const error: unknown = await opening.catch((thrown: unknown) => thrown);
    expect(isTroupeError(error, "TROUPE_SNAPSHOT_STORE_UNAVAILABLE")).toBe(true);
    expect(String(error)).toContain(`127.0.0.1:${own.port}`);
    expect(String(error)).not.toContain("secret");
    const store = await opened({ url: own.url, timeoutMs: 300 });
    await expect(store.load(key)).rejects.toThrow("failed to load");
    await own.start();
    await waitUntil("it is found", () => store.save(key, snapshot(1)).catch(() => false));
  });
});

/** A way to the server on which it says that its version begins with 4. */
async function outdated(port: number): Promise<string> {
  const relay = createServer((socket) => {
    const upstream = connect(port, "127.0.0.1");
    socket.pipe(upstream);
    upstream.on("data", (data) => {
      const text = data.toString("latin1").replace(/redis_version:\d/, "redis_version:4");
      socket.write(Buffer.from(text, "latin1"));
    });
    socket.on("close", () => upstream.destroy()).on("error", () => {});
    upstream.on("error", () => socket.destroy());
  });
  await new Promise<void>((resolve) => relay.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    relay.close();
  });
  const address = relay.address();
  if (address === null || typeof address === "string") throw new Error("the relay has no port");
  return `redis://127.0.0.1:${address.port}`;
}
