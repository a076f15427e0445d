import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createKernel, type Kernel } from "../../../src/actors/kernel/index.ts";
import {
  type Demand,
  type Scheduler,
  startScheduler,
} from "../../../src/actors/scheduler/index.ts";
import { ManualClock } from "../../../src/actors/testing/index.ts";
import type { AttemptKey } from "../../../src/actors/workers/index.ts";

const key = (job: string): AttemptKey => ({ runId: "r", job, attempt: 1 });
const request = (job: string, labels = {}) => ({ attempt: key(job), priority: 0, labels });
const capacity = (workerId: string, slots = 1) => ({ workerId, labels: {}, slots, holding: [] });

interface Asked {
  readonly job: string;
  readonly workerId: string;
  readonly answer: (taken: boolean) => void;
  readonly fail: (error: Error) => void;
}

let clock: ManualClock;
let kernel: Kernel;
let scheduler: Scheduler;
let asked: Asked[];

beforeEach(() => {
  clock = new ManualClock();
  kernel = createKernel({ name: "test", clock });
  asked = [];
  scheduler = startScheduler(kernel, {
    queuedAttemptsMax: 4,
    assign: ({ job }, workerId) =>
      new Promise((answer, fail) => asked.push({ job, workerId, answer, fail })),
  });
});

afterEach(() => kernel.stop({ deadlineMs: 0 }));

const settled = async (): Promise<void> => {
  for (let n = 0; n < 5; n++) await new Promise((resolve) => setImmediate(resolve));
};
const placements = () => asked.map(({ job, workerId }) => `${job}→${workerId}`);

describe("the scheduler", () => {
  test("refuses what does not fit, and says how many of it are in", async () => {
    const jobs = ["a", "b", "c", "d", "e", "f"].map((job) => request(job));
    await expect(scheduler.submit(jobs)).rejects.toMatchObject({
      code: "TROUPE_QUEUE_FULL",
      retryable: true,
      details: { attemptsMax: 4, accepted: 4 },
    });
    scheduler.withdraw([key("a"), key("b")]);
    await scheduler.submit(jobs.slice(4));
    expect((await scheduler.demand())[0]?.queued).toBe(4);
  });

  test("waits for no worker: a slow one holds up only its own slots", async () => {
    scheduler.workerReady(capacity("slow"));
    await scheduler.submit([request("a"), request("b")]);
    scheduler.workerReady(capacity("other"));
    await settled();
    expect(placements()).toEqual(["a→slow", "b→other"]);
  });

  test("gives an attempt to another worker when one did not take it, or the way there failed", async () => {
    scheduler.workerReady(capacity("w1"));
    await scheduler.submit([request("a")]);
    await settled();
    scheduler.workerGone("w1");
    asked[0]?.fail(new Error("time-out"));
    await settled();
    scheduler.workerReady(capacity("w2"));
    await settled();
    asked[1]?.answer(false);
    await settled();
    expect(placements()).toEqual(["a→w1", "a→w2", "a→w2"]);
  });

  test("tells of demand when it has changed, at most once an interval", async () => {
    const told: (readonly Demand[])[] = [];
    const stop = scheduler.watchDemand((demand) => told.push(demand));
    await scheduler.submit([request("a")]);
    await scheduler.submit([request("b"), request("c", { os: "mac" })]);
    expect(told).toEqual([]);
    clock.advance(100);
    await settled();
    expect(told).toEqual([
      [
        { labels: {}, queued: 2, workers: 0 },
        { labels: { os: "mac" }, queued: 1, workers: 0 },
      ],
    ]);
    scheduler.withdraw([key("nothing")]);
    await settled();
    clock.advance(100);
    await settled();
    expect(told.length).toBe(1);
    stop();
    scheduler.withdraw([key("a")]);
    await settled();
    clock.advance(1_000);
    await settled();
    expect(told.length).toBe(1);
  });
});
