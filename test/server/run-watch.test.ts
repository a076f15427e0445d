import { describe, expect, it } from "vitest";
import {
  JobStatus,
  RunStatus,
  type WatchRunResponse,
} from "../../proto/troupe/control/v1/control.ts";
import {
  type AttemptKey,
  type LogPiece,
  type LogStore,
  LogTimesCursor,
} from "../../src/actors/logs/index.ts";
import type { JobView, RunChange, RunSummary } from "../../src/actors/pipelines/index.ts";
import { ManualClock } from "../../src/actors/testing/index.ts";
import { watchRun } from "../../src/server/run-watch.ts";
import { waitUntil } from "../support/wait-until.ts";

/** Logs that are whole and never sealed, and that give a byte only when the event loop has turned. */
class SlowLogs implements LogStore {
  readonly bytes = new Map<string, string>();
  reading = 0;
  readingMax = 0;

  async read({ job, attempt }: AttemptKey, offset: number): Promise<Uint8Array> {
    this.readingMax = Math.max(this.readingMax, ++this.reading);
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    this.reading -= 1;
    return Buffer.from((this.bytes.get(`${job}#${attempt}`) ?? "").slice(offset, offset + 1));
  }

  async *follow(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncGenerator<LogPiece> {
    let position = offset;
    while (signal?.aborted !== true) {
      const data = await this.read(key, position);
      if (data.byteLength > 0) yield { offset: position++, data };
    }
  }

  async *stored(key: AttemptKey, offset: number): AsyncGenerator<LogPiece> {
    let position = offset;
    for (;;) {
      const data = await this.read(key, position);
      if (data.byteLength === 0) return;
      yield { offset: position++, data };
    }
  }

  append = () => Promise.reject(new Error("a watcher does not write"));
  seal = () => Promise.reject(new Error("a watcher does not write"));
  end = async () => 0;
  times = () => new LogTimesCursor(async () => Buffer.alloc(0));
  close = async () => {};
}

const job = (name: string, status: JobView["status"], attempt: number): JobView => ({
  name,
  status,
  attempt,
  reason: "",
  needs: [],
  outputs: {},
  finally: false,
  continueOnError: false,
  attemptsMax: 2,
});
const summary = (status: RunSummary["status"]): RunSummary => ({
  runId: "r",
  pipeline: "p",
  status,
  createdAtMs: 1,
  jobsTotal: 1,
  jobsFinished: 0,
});
const snapshot = (
  jobs: readonly JobView[],
  status: RunSummary["status"] = "running",
): RunChange => ({
  kind: "snapshot",
  run: { summary: summary(status), jobs, outputs: {}, parameters: {} },
});

interface Watched {
  readonly told: string[];
  readonly done: Promise<void>;
  readonly leave: AbortController;
}

function watch(options: {
  readonly changes: AsyncIterable<RunChange>;
  readonly logs?: LogStore;
  readonly clock?: ManualClock;
  readonly waiting?: () => Promise<ReadonlyMap<string, string>>;
}): Watched {
  const told: string[] = [];
  const leave = new AbortController();
  const output = {
    signal: leave.signal,
    send: async (message: WatchRunResponse) => {
      leave.signal.throwIfAborted();
      told.push(short(message));
    },
  };
  const done = watchRun({
    runId: "r",
    changes: options.changes,
    waiting: options.waiting ?? (async () => new Map()),
    logs: options.logs,
    logTimes: false,
    output,
    clock: options.clock ?? new ManualClock(),
  });
  return { told, done, leave };
}

function short({ change }: WatchRunResponse): string {
  switch (change?.$case) {
    case "snapshot":
      return "snapshot";
    case "job": {
      const { name, attempt, status, reason } = change.value;
      const word = Object.entries(JobStatus).find(([, value]) => value === status)?.[0];
      return `${name}#${attempt} ${word}${reason === "" ? "" : `: ${reason}`}`;
    }
    case "summary":
      return change.value.status === RunStatus.SUCCEEDED ? "succeeded" : "running";
    case "log":
      return `${change.value.job}#${change.value.attempt} ${String(change.value.data)}`;
    default:
      return "?";
  }
}

async function* from(changes: readonly RunChange[]): AsyncGenerator<RunChange> {
  yield* changes;
}

describe("a watcher with logs", () => {
  it("has every byte of an attempt before its end, also of one that was lost and never sealed", async () => {
    const logs = new SlowLogs();
    logs.bytes.set("a#1", "xy").set("a#2", "z");
    const { told, done } = watch({
      logs,
      changes: from([
        snapshot([job("a", "running", 1)]),
        { kind: "job", job: job("a", "queued", 2) },
        { kind: "job", job: job("a", "running", 2) },
        { kind: "job", job: job("a", "succeeded", 2) },
        { kind: "summary", summary: summary("succeeded") },
      ]),
    });
    await done;
    expect(told).toEqual([
      "snapshot",
      "a#1 x",
      "a#1 y",
      "a#2 QUEUED",
      "a#2 RUNNING",
      "a#2 z",
      "a#2 SUCCEEDED",
      "succeeded",
    ]);
  });

  it("misses no attempt, though the changes in between were left out for a slow one", async () => {
    const logs = new SlowLogs();
    logs.bytes.set("a#1", "1").set("a#2", "2").set("a#3", "3");
    const { told, done } = watch({
      logs,
      changes: from([
        snapshot([job("a", "waiting", 0)]),
        { kind: "job", job: job("a", "succeeded", 3) },
        { kind: "summary", summary: summary("succeeded") },
      ]),
    });
    await done;
    expect(told.slice(1, 4).sort()).toEqual(["a#1 1", "a#2 2", "a#3 3"]);
    expect(told.slice(4)).toEqual(["a#3 SUCCEEDED", "succeeded"]);
  });

  it("of a run that has ended reads its logs a few at a time", async () => {
    const logs = new SlowLogs();
    const jobs = Array.from({ length: 100 }, (_, i) => job(`j${i}`, "succeeded", 1));
    for (const { name } of jobs) logs.bytes.set(`${name}#1`, "l");
    const { told, done } = watch({ logs, changes: from([snapshot(jobs, "succeeded")]) });
    await done;
    expect(told).toHaveLength(101);
    expect(logs.readingMax).toBeLessThanOrEqual(8);
  });

  it("that leaves ends everything that was done for it", async () => {
    const logs = new SlowLogs();
    logs.bytes.set("a#1", "x");
    const { told, done, leave } = watch({
      logs,
      changes: (async function* () {
        yield snapshot([job("a", "running", 1)]);
        await new Promise((resolve) => leave.signal.addEventListener("abort", resolve));
      })(),
    });
    await waitUntil("the log comes", () => told.includes("a#1 x"));
    leave.abort();
    await done;
    await waitUntil("nobody reads any more", () => logs.reading === 0);
  });
});

describe("a run that does not move", () => {
  it("says why, and again only when the reason is another", async () => {
    const clock = new ManualClock();
    let reason = "no worker is connected";
    let end = (): void => {};
    const over = new Promise<void>((resolve) => (end = resolve));
    const { told, done } = watch({
      clock,
      waiting: async () => new Map([["a", reason]]),
      changes: (async function* () {
        yield snapshot([job("a", "waiting", 0)]);
        yield { kind: "job", job: job("a", "queued", 1) };
        await over;
        yield { kind: "job", job: job("a", "running", 1) };
        yield { kind: "summary", summary: summary("succeeded") };
      })(),
    });
    await waitUntil("it is queued", () => told.includes("a#1 QUEUED"));
    for (const next of [reason, reason, "the one worker is busy"]) {
      reason = next;
      clock.advance(1_000);
      await waitUntil("it was asked", () => clock.timers === 1);
    }
    end();
    await done;
    expect(told).toEqual([
      "snapshot",
      "a#1 QUEUED",
      "a#1 QUEUED: no worker is connected",
      "a#1 QUEUED: the one worker is busy",
      "a#1 RUNNING",
      "succeeded",
    ]);
    expect(clock.timers).toBe(0);
  });

  it("need not say so while something of it is under way", async () => {
    const clock = new ManualClock();
    let asked = 0;
    let end = (): void => {};
    const over = new Promise<void>((resolve) => (end = resolve));
    const { done } = watch({
      clock,
      waiting: async () => {
        asked += 1;
        return new Map();
      },
      changes: (async function* () {
        yield snapshot([job("a", "running", 1), job("b", "queued", 1)]);
        await over;
      })(),
    });
    await waitUntil("it began", () => asked === 1);
    clock.advance(5_000);
    end();
    await done;
    expect(asked).toBe(1);
  });
});
