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

/** The run's only job, in its second attempt. */
const runs = {
  view: async (runId: string) =>
    runId === key.runId
      ? ({
          jobs: [{ name: key.job, status: "running", attempt: 2 } as JobView],
        } as unknown as RunView)
      : undefined,
};

async function sweeping(retention?: LogRetention) {
  const directory = await mkdtemp(join(tmpdir(), "troupe-"));
  const clock = new ManualClock(Date.now());
  const blobs = new FolderBlobStore({ directory: join(directory, "blobs") });
  const folder = new FolderLogStore({ directory: join(directory, "logs") });
  const logs = new ArchivedLogStore({ folder, blobs, clock, logger: silentLogger });
  const sweep = new LogSweep({ logs, blobs, runs, retention, clock, logger: silentLogger });
  onTestFinished(async () => {
    await sweep.stop();
    await logs.close();
    await rm(directory, { recursive: true, force: true });
  });
  return { sweep, logs, blobs, clock };
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

it("seals the log of an attempt that ended without its agent, and no other", async () => {
  const { sweep, logs, blobs } = await sweeping();
  const others = [
    { ...key, attempt: 2 },
    { ...key, runId: "not known" },
  ];
  for (const log of [key, ...others]) await logs.append(log, 0, Buffer.from("x"));
  await sweep.start();
  await waitUntil("it is a blob", async () => {
    const keys: string[] = [];
    for await (const blob of blobs.list("logs/")) keys.push(blob.key);
    return keys.length === 1 && keys[0]?.endsWith(".1");
  });
  await sweep.stop();
  expect((await logs.unsealed()).length).toBe(2);
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
