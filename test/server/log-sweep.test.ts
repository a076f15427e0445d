import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { FolderBlobStore } from "../../src/actors/blobs/index.ts";
import { limits, silentLogger } from "../../src/actors/kernel/index.ts";
import {
  ArchivedLogStore,
  FolderLogStore,
  type LogRetention,
} from "../../src/actors/logs/index.ts";
import type { JobView, RunView } from "../../src/actors/pipelines/index.ts";
import { ManualClock } from "../../src/actors/testing/index.ts";
import { LogSweep } from "../../src/server/log-sweep.ts";
import { waitUntil } from "../support/wait-until.ts";

const key = { runId: "run 1/ä", job: "a.b", attempt: 1 };
/** Of names that are too long for a file: it says their hashes. */
const longKey = { runId: "R".repeat(128), job: "ü".repeat(100), attempt: 1 };

/** Each run's only job, in its second attempt. */
const runs = {
  view: async (runId: string) => {
    const of = [key, longKey].find((each) => each.runId === runId);
    const job = { name: of?.job, status: "running", attempt: 2 } as JobView;
    return of === undefined ? undefined : ({ jobs: [job] } as unknown as RunView);
  },
  all: async () => ["another", key.runId, longKey.runId],
  ongoing: async () => [] as string[],
};

async function sweeping(retention?: LogRetention, held: readonly string[] = []) {
  const directory = await mkdtemp(join(tmpdir(), "troupe-"));
  const clock = new ManualClock(Date.now());
  const blobs = new FolderBlobStore({ directory: join(directory, "blobs") });
  const folder = new FolderLogStore({ directory: join(directory, "logs") });
  const logs = new ArchivedLogStore({ folder, blobs, clock, logger: silentLogger });
  const raised: number[] = [];
  const sweep = new LogSweep({
    ...{ logs, blobs, retention, clock },
    runs: { ...runs, ongoing: async () => [...held] },
    files: { expire: async () => 0 },
    marks: { raise: async (_, atMs) => void raised.push(atMs) },
    caches: { sweep: async () => {} },
    logger: silentLogger,
  });
  onTestFinished(async () => {
    await sweep.stop();
    await logs.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { sweep, logs, blobs, clock, raised };
}

it("sweeps at the start and again at every interval, until it is stopped", async () => {
  const { sweep, logs, clock } = await sweeping({ ageMsMax: 3_600_000 });
  await logs.append(key, 0, Buffer.from("x"));
  await logs.seal(key);

  await sweep.start();
  expect(await logs.end(key)).toBe(1);
  for (let elapsedMs = 0; elapsedMs <= 3_600_000; elapsedMs += limits.logSweepIntervalMs) {
    clock.advance(limits.logSweepIntervalMs);
  }
  await waitUntil("the log is gone", async () => {
    clock.advance(limits.logSweepIntervalMs);
    return (await logs.end(key)) === 0;
  });
});

it("keeps the logs of runs that have not ended, and says how far it came before it deletes", async () => {
  const { sweep, logs, clock, raised } = await sweeping({ ageMsMax: 1 }, [longKey.runId]);
  for (const log of [key, longKey]) {
    await logs.append(log, 0, Buffer.from("x"));
    await logs.seal(log);
  }
  await logs.archived();
  clock.advance(3_600_000);
  await sweep.start();
  expect([await logs.end(key), await logs.end(longKey)]).toEqual([0, 1]);
  expect(raised).toHaveLength(1);
  expect(raised[0]).toBeLessThanOrEqual(clock.nowMs());
});

it("seals the log of an attempt that ended without its agent, and no other", async () => {
  const { sweep, logs, blobs } = await sweeping();
  const others = [
    { ...key, attempt: 2 },
    { ...longKey, attempt: 2 },
    { ...longKey, runId: "S".repeat(128) },
    { ...key, runId: "not known" },
  ];
  for (const log of [key, longKey, ...others]) await logs.append(log, 0, Buffer.from("x"));
  await sweep.start();
  await waitUntil("it is a blob", async () => {
    const keys: string[] = [];
    for await (const blob of blobs.list("logs/")) keys.push(blob.key);
    return keys.length === 2 && keys.every((each) => each.endsWith(".1"));
  });
  await sweep.stop();
  expect((await logs.unsealed()).length).toBe(others.length);
  for (const log of others) expect(await logs.append(log, 1, Buffer.from("y"))).toBe(2);
});

it("forgets an upload that nobody has gone on with for a day", async () => {
  const { sweep, blobs, clock } = await sweeping();
  const broken = blobs.put(
    async function* () {
      yield Buffer.from("the beginning");
      throw new Error("cut");
    },
    { upload: "u" },
  );
  await expect(broken).rejects.toThrow("cut");
  await sweep.start();
  const goesOnAt = (): Promise<number> =>
    new Promise((resolve) => {
      const stopped = blobs.put(
        async function* (offset) {
          resolve(offset);
          yield Buffer.alloc(0);
          throw new Error("only looked");
        },
        { upload: "u" },
      );
      stopped.catch(() => {});
    });
  expect(await goesOnAt()).toBe(13);
  await waitUntil("it is forgotten", async () => {
    clock.advance(limits.uploadKeptMs);
    return (await goesOnAt()) === 0;
  });
});
