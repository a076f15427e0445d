import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { limits, silentLogger } from "../../src/actors/kernel/index.ts";
import { FolderLogStore } from "../../src/actors/logs/index.ts";
import { ManualClock } from "../../src/actors/testing/index.ts";
import { LogSweep } from "../../src/server/log-sweep.ts";
import { waitUntil } from "../support/wait-until.ts";

it("sweeps at the start and again at every interval, until it is stopped", async () => {
  const directory = await mkdtemp(join(tmpdir(), "troupe-"));
  const logs = new FolderLogStore({ directory });
  const clock = new ManualClock(Date.now());
  const retention = { ageMsMax: 3_600_000 };
  const sweep = new LogSweep({ logs, retention, clock, logger: silentLogger });
  onTestFinished(async () => {
    await logs.close();
    await rm(directory, { recursive: true, force: true });
  });
  const key = { runId: "run-1", job: "a", attempt: 1 };
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
  await sweep.stop();
});
