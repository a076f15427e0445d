import { describe, expect, test } from "vitest";
import type { AttemptRequest } from "../../../src/actors/scheduler/index.ts";
import { SchedulerState } from "../../../src/actors/scheduler/scheduler-state.ts";

const key = (job: string, attempt = 1) => ({ runId: "r", job, attempt });
const request = (job: string, more: Partial<AttemptRequest> = {}): AttemptRequest => ({
  attempt: key(job),
  priority: 0,
  labels: {},
  ...more,
});
const ready = (workerId: string, slots = 1, labels = {}) => ({
  workerId,
  slots,
  labels,
  holding: [],
});
const placed = (state: SchedulerState): string[] =>
  state.decide().map(({ attempt, workerId }) => `${attempt.key.job}→${workerId}`);

describe("submission", () => {
  test("takes as many as fit and says how many", () => {
    const state = new SchedulerState(3);
    expect(state.submit(["a", "b", "c", "d"].map((job) => request(job)))).toBe(3);
    expect(state.submit([request("d")])).toBe(0);
    state.withdraw([key("b")]);
    expect(state.submit([request("d")])).toBe(1);
  });

  test("what is under way counts against the bound until it is settled", () => {
    const state = new SchedulerState(1);
    state.submit([request("a")]);
    state.workerReady(ready("w"));
    expect(placed(state)).toEqual(["a→w"]);
    expect(state.submit([request("b")])).toBe(0);
    state.settle(key("a"), true);
    expect(state.submit([request("b")])).toBe(1);
  });

  test("the same attempt twice is one attempt, queued or under way", () => {
    const state = new SchedulerState(10);
    state.workerReady(ready("w", 5));
    expect(state.submit([request("a"), request("a")])).toBe(2);
    expect(placed(state)).toEqual(["a→w"]);
    state.submit([request("a")]);
    expect(placed(state)).toEqual([]);
    expect(state.size).toBe(1);
  });
});

describe("placement under way", () => {
  test("a refused attempt goes back to its old place", () => {
    const state = new SchedulerState(10);
    state.submit([request("a"), request("b")]);
    state.workerReady(ready("w1"));
    expect(placed(state)).toEqual(["a→w1"]);
    state.workerGone("w1");
    state.settle(key("a"), false);
    state.workerReady(ready("w2"));
    expect(placed(state)).toEqual(["a→w2"]);
  });

  test("a refused attempt that was withdrawn meanwhile is forgotten", () => {
    const state = new SchedulerState(10);
    state.submit([request("a")]);
    state.workerReady(ready("w"));
    state.decide();
    state.withdraw([key("a")]);
    state.settle(key("a"), false);
    expect(state.size).toBe(0);
  });

  test("a slot is free again when its attempt is released, also before the word that it was taken", () => {
    const state = new SchedulerState(10);
    state.submit([request("a"), request("b"), request("c")]);
    state.workerReady(ready("w"));
    expect(placed(state)).toEqual(["a→w"]);
    state.released("w", key("a"));
    expect(placed(state)).toEqual([]);
    state.settle(key("a"), true);
    expect(placed(state)).toEqual(["b→w"]);
    state.settle(key("b"), true);
    state.released("w", key("b"));
    expect(placed(state)).toEqual(["c→w"]);
  });

  test("a worker that announces itself anew keeps what is under way to it", () => {
    const state = new SchedulerState(10);
    state.submit([request("a"), request("b")]);
    state.workerReady(ready("w"));
    state.decide();
    state.workerReady(ready("w"));
    expect(placed(state)).toEqual([]);
  });
});

describe("why it waits", () => {
  test("names the labels that no worker has, and tells busy from absent", () => {
    const state = new SchedulerState(10);
    state.submit([request("any"), request("gpu", { labels: { gpu: "a100", os: "linux" } })]);
    expect(state.waiting("r").get("any")).toBe("no worker is connected");
    state.workerReady(ready("w"));
    state.decide();
    state.submit([request("next")]);
    expect(state.waiting("r").get("next")).toBe("the one worker is busy");
    expect(state.waiting("r").get("gpu")).toBe(
      "no worker with the labels {gpu=a100, os=linux} is connected",
    );
    expect(state.waiting("r").has("any")).toBe(false);
    expect(state.waiting("other").size).toBe(0);
  });

  test("demand counts what waits by label set, with the workers that could ever take it", () => {
    const state = new SchedulerState(10);
    state.submit([request("a"), request("b"), request("c", { labels: { os: "mac" } })]);
    state.workerReady(ready("w", 1, { os: "linux" }));
    state.decide();
    expect(state.demand()).toEqual([
      { labels: {}, queued: 1, workers: 1 },
      { labels: { os: "mac" }, queued: 1, workers: 0 },
    ]);
  });
});
