/** The table of `run-decisions.ts`, row by row: inputs as verbs, events as lines. */
import { describe, expect, it } from "vitest";
import { limits } from "../../../src/actors/kernel/index.ts";
import type { JobDefinition, PipelineDefinition } from "../../../src/actors/pipelines/index.ts";
import {
  applyRunEvent,
  decide,
  effectsOf,
  instructionsOf,
  newRun,
  pendingWork,
  type RunInput,
  type RunState,
  resumeVerdict,
  viewOf,
  viewOfJob,
  wakeAtMs,
} from "../../../src/actors/pipelines/index.ts";
import { filesOf } from "../../../src/actors/pipelines/run-state.ts";
import type { AttemptResult, StoredFile } from "../../../src/actors/workers/index.ts";
import { job, pipeline } from "./definitions.ts";

class Story {
  state: RunState = newRun;
  nowMs = 1_000;
  effects: string[] = [];

  constructor(definition: PipelineDefinition, parameters: Record<string, string> = {}) {
    this.tell({ type: "create", runId: "r1", definition, parameters, priority: 0 });
  }

  get run() {
    if (this.state.status === "new") throw new Error("no run");
    return this.state;
  }

  /** The events as lines; a refusal as its code. */
  tell(input: RunInput): string[] {
    const { events, refused, more } = decide(this.state, input, this.nowMs);
    this.state = events.reduce(applyRunEvent, this.state);
    this.effects = effectsOf(this.run, events).map(
      ({ type, attempt }) => `${type} ${attempt.job} ${attempt.attempt}`,
    );
    const lines = events.map(({ type, data }) => {
      const about = "job" in data ? ` ${data.job}` : "";
      const attempt = "attempt" in data ? ` ${data.attempt}` : "";
      const status = "status" in data ? ` ${data.status}` : "";
      const reason = "reason" in data && data.reason !== "" ? `: ${data.reason}` : "";
      return `${type}${about}${attempt}${status}${reason}`;
    });
    return [
      ...(refused === undefined ? [] : [`refused ${refused.code}`]),
      ...lines,
      ...(more ? ["more"] : []),
    ];
  }

  prepare(name: string, attempt = 1, workerId = "w1"): string[] {
    return this.tell({ type: "prepare", job: name, attempt, workerId });
  }

  started(name: string, attempt = 1, workerId = "w1"): string[] {
    return this.tell({ type: "started", job: name, attempt, workerId });
  }

  finished(
    name: string,
    result: Partial<AttemptResult> = {},
    attempt = 1,
    workerId = "w1",
  ): string[] {
    const whole: AttemptResult = { outcome: "succeeded", outputs: {}, reason: "", ...result };
    return this.tell({ type: "finished", job: name, attempt, workerId, result: whole });
  }

  lost(name: string, attempt = 1, workerId = "w1"): string[] {
    return this.tell({ type: "lost", job: name, attempt, workerId, reason: "the agent is gone" });
  }

  cancel(force = false): string[] {
    return this.tell({ type: "cancel", reason: "no longer wanted", force });
  }

  advance(nowMs = this.nowMs): string[] {
    this.nowMs = nowMs;
    return this.tell({ type: "advance" });
  }

  /** Prepared, started and ended in one go; the events of the end. */
  runs(name: string, result: Partial<AttemptResult> = {}, attempt = 1): string[] {
    this.prepare(name, attempt);
    this.started(name, attempt);
    return this.finished(name, result, attempt);
  }
}

const failed: Partial<AttemptResult> = { outcome: "failed", exitCode: 1, reason: "exit code 1" };
const retry = (attemptsMax: number) => ({
  retry: { attemptsMax, initialDelayMs: 1_000, factor: 3, delayMaxMs: 5_000 },
});

describe("a run", () => {
  it("queues what needs nothing, then what has what it needs, then ends", () => {
    const story = new Story(
      pipeline([job("b", { needs: ["a"] }), job("a"), job("c", { needs: ["a", "b"] })]),
    );
    expect(story.effects).toEqual(["submit a 1"]);
    expect(story.prepare("a")).toEqual(["jobAssigned a 1"]);
    expect(story.started("a")).toEqual(["jobStarted a 1"]);
    expect(story.finished("a")).toEqual(["jobFinished a 1", "jobQueued b 1"]);
    expect(story.effects).toEqual(["submit b 1"]);
    expect(story.runs("b")).toEqual(["jobFinished b 1", "jobQueued c 1"]);
    expect(story.runs("c")).toEqual(["jobFinished c 1", "runFinished succeeded"]);
  });

  it("is created once: the same id again does nothing", () => {
    const definition = pipeline([job("a")]);
    const story = new Story(definition);
    expect(
      story.tell({ type: "create", runId: "r1", definition, parameters: {}, priority: 0 }),
    ).toEqual([]);
    expect(decide(newRun, { type: "advance" }, 0).refused?.code).toBe("no-run");
  });

  it("queues the urgent first, and never more than parallelMax", () => {
    const story = new Story(
      pipeline(
        [
          job("a"),
          job("b", { priority: 5 }),
          job("c", { priority: -1 }),
          job("d", { priority: 5 }),
        ],
        {
          parallelMax: 2,
        },
      ),
    );
    expect(story.effects).toEqual(["submit b 1", "submit d 1"]);
    expect(story.runs("d")).toEqual(["jobFinished d 1", "jobQueued a 1"]);
    expect(story.runs("b")).toEqual(["jobFinished b 1", "jobQueued c 1"]);
  });

  it("tells the first worker to ask yes, again and again, and every other one no", () => {
    const story = new Story(pipeline([job("a")]));
    expect(story.prepare("a", 1, "w1")).toEqual(["jobAssigned a 1"]);
    expect(story.prepare("a", 1, "w1")).toEqual([]);
    expect(story.prepare("a", 1, "w2")).toEqual(["refused other-worker"]);
    expect(story.started("a", 1, "w2")).toEqual(["refused other-worker"]);
    expect(story.finished("a", {}, 1, "w2")).toEqual(["refused other-worker"]);
    expect(story.prepare("a", 2, "w1")).toEqual(["refused newer-attempt"]);
    expect(story.prepare("nope")).toEqual(["refused unknown-job"]);
    expect(story.started("a")).toEqual(["jobStarted a 1"]);
    expect(story.started("a")).toEqual([]);
  });

  it("takes a result once, and no result of an attempt that nobody was given", () => {
    const story = new Story(pipeline([job("a"), job("b", { needs: ["a"] })]));
    expect(story.finished("a")).toEqual(["refused not-assigned"]);
    story.prepare("a");
    expect(story.finished("a")).toEqual(["jobFinished a 1", "jobQueued b 1"]);
    expect(story.finished("a")).toEqual([]);
    expect(story.prepare("a")).toEqual(["refused job-ended"]);
  });

  it("takes as left only what the attempt itself has stored", () => {
    const file = { sha256: "0".repeat(64), bytes: 3 };
    const story = new Story(pipeline([job("a", retry(2)), job("b")]));
    const store = (name: string, attempt = 1, stored = file): string[] =>
      story.tell({ type: "stored", job: name, attempt, workerId: "w1", file: stored });
    const reason = `the agent named summary of 3 bytes that it has not stored for this attempt`;
    expect(store("a")).toEqual(["refused not-assigned"]);
    story.prepare("a");
    expect(store("a")).toEqual(["fileStored a 1"]);
    expect(store("a")).toEqual([]);
    story.started("a");
    expect(filesOf(story.run)).toEqual([file]);
    // Another attempt's, another job's, and one of another length.
    expect(story.finished("a", { summary: { ...file, bytes: 4 } })[0]).toContain("of 4 bytes");
    story.advance(story.nowMs + 1_000);
    expect(filesOf(story.run)).toEqual([]);
    expect(story.runs("a", { summary: file }, 2)[0]).toBe(`jobFinished a 2: ${reason}`);
    expect(story.runs("b", { summary: file })).toContain(`jobFinished b 1: ${reason}`);
  });

  it("keeps what the attempt has stored until the run has ended, up to so many files", () => {
    const story = new Story(pipeline([job("a")]));
    story.prepare("a");
    const files = Array.from({ length: limits.attemptFilesMax }, (_, n) => ({
      ...{ sha256: String(n).padStart(64, "0"), bytes: n },
    }));
    const store = (file: StoredFile): string[] =>
      story.tell({ type: "stored", job: "a", attempt: 1, workerId: "w1", file });
    for (const file of files) expect(store(file)).toEqual(["fileStored a 1"]);
    expect(store({ sha256: "f".repeat(64), bytes: 1 })).toEqual(["refused too-many-files"]);
    const [artifacts, summary] = files;
    if (artifacts === undefined || summary === undefined) throw new Error("there are more");
    story.started("a");
    story.finished("a", { artifacts, summary });
    expect(filesOf(story.run)).toEqual([artifacts, summary]);
  });

  it("skips what needs a failed or skipped job, at once and all the way down", () => {
    const story = new Story(
      pipeline([
        job("a"),
        job("slow"),
        job("b", { needs: ["a", "slow"] }),
        job("c", { needs: ["b"] }),
      ]),
    );
    expect(story.runs("a", failed)).toEqual([
      "jobFinished a 1: exit code 1",
      'jobSkipped b: it needs "a", which failed',
      'jobSkipped c: it needs "b", which was skipped',
    ]);
    expect(story.runs("slow")).toEqual(["jobFinished slow 1", "runFinished failed"]);
  });

  it("goes on after a failure that may happen, and succeeds", () => {
    const story = new Story(
      pipeline([job("lint", { continueOnError: true }), job("b", { needs: ["lint"] })]),
    );
    expect(story.runs("lint", failed)).toEqual([
      "jobFinished lint 1: exit code 1",
      "jobQueued b 1",
    ]);
    expect(story.runs("b")).toEqual(["jobFinished b 1", "runFinished succeeded"]);
  });

  it("starts finally jobs after all others, also after failures, and their failure counts", () => {
    const story = new Story(
      pipeline([
        job("a"),
        job("clean", { finally: true }),
        job("report", { finally: true, needs: ["clean"] }),
      ]),
    );
    expect(story.runs("a", failed)).toEqual(["jobFinished a 1: exit code 1", "jobQueued clean 1"]);
    expect(story.runs("clean", failed)).toEqual([
      "jobFinished clean 1: exit code 1",
      'jobSkipped report: it needs "clean", which failed',
      "runFinished failed",
    ]);
  });
});

describe("retries", () => {
  it("wait longer each time, up to a bound, then the job has failed", () => {
    const story = new Story(pipeline([job("a", retry(4))]));
    for (const [attempt, delayMs] of [
      [1, 1_000],
      [2, 3_000],
      [3, 5_000],
    ] as const) {
      expect(story.runs("a", failed, attempt)).toEqual([
        `jobRetryScheduled a ${attempt}: exit code 1`,
      ]);
      const dueAtMs = story.nowMs + delayMs;
      expect(wakeAtMs(story.run)).toBe(dueAtMs);
      expect(story.advance(dueAtMs - 1)).toEqual([]);
      expect(story.advance(dueAtMs)).toEqual([`jobQueued a ${attempt + 1}`]);
    }
    expect(story.runs("a", failed, 4)).toEqual([
      "jobFinished a 4: exit code 1",
      "runFinished failed",
    ]);
    expect(wakeAtMs(story.run)).toBeUndefined();
  });

  it("also follow a time-out, and a job that could not be started", () => {
    for (const outcome of ["timed-out", "error"] as const) {
      const story = new Story(pipeline([job("a", retry(2))]));
      expect(story.runs("a", { outcome, reason: "why" })).toEqual(["jobRetryScheduled a 1: why"]);
    }
  });

  it("recognise the result of the failed attempt when it is sent again", () => {
    const story = new Story(pipeline([job("a", retry(2))]));
    story.runs("a", failed);
    expect(story.finished("a", failed)).toEqual([]);
    expect(story.advance(story.nowMs + 1_000)).toEqual(["jobQueued a 2"]);
    expect(story.finished("a", failed)).toEqual([]);
    expect(story.prepare("a", 1)).toEqual(["refused older-attempt"]);
  });

  it("get the commit that the first attempt had, also after a lost one", () => {
    const checkout = { repository: ["https://h/"], ref: ["main"], depth: 1, submodules: "none" };
    const story = new Story(
      pipeline([job("a", { ...retry(3), checkout } as Partial<JobDefinition>)]),
    );
    const ref = () => instructionsOf(story.state, "a")?.checkout?.ref;
    expect(ref()).toBe("main");
    story.runs("a", { ...failed, commit: "c1" });
    expect(ref()).toBe("c1");
    expect(viewOfJob(story.run, "a")?.commit).toBe("c1");
    story.advance(story.nowMs + 1_000);
    story.prepare("a", 2);
    story.lost("a", 2);
    expect(ref()).toBe("c1");
    story.runs("a", { commit: "c2" }, 3);
    expect(viewOfJob(story.run, "a")?.commit).toBe("c1");
  });

  it("keep the job's place among parallelMax", () => {
    const story = new Story(pipeline([job("a", retry(2)), job("b")], { parallelMax: 1 }));
    expect(story.runs("a", failed)).toEqual(["jobRetryScheduled a 1: exit code 1"]);
    expect(story.advance(story.nowMs + 1_000)).toEqual(["jobQueued a 2"]);
    expect(story.runs("a", {}, 2)).toEqual(["jobFinished a 2", "jobQueued b 1"]);
  });
});

describe("lost attempts", () => {
  it("are queued again at once, use up no retry, and their results count for nothing", () => {
    const story = new Story(pipeline([job("a")]));
    story.prepare("a");
    expect(story.lost("a")).toEqual(["attemptLost a 1: the agent is gone"]);
    expect(story.effects).toEqual(["submit a 2"]);
    expect(story.lost("a")).toEqual([]);
    expect(story.finished("a")).toEqual(["refused older-attempt"]);
    expect(story.runs("a", {}, 2)).toEqual(["jobFinished a 2", "runFinished succeeded"]);
  });

  it("fail the job when they are too many", () => {
    const story = new Story(pipeline([job("a", retry(3))]));
    for (let attempt = 1; attempt <= limits.lostAttemptsMax; attempt++) {
      story.prepare("a", attempt);
      expect(story.lost("a", attempt)).toEqual([`attemptLost a ${attempt}: the agent is gone`]);
    }
    story.prepare("a", limits.lostAttemptsMax + 1);
    expect(story.lost("a", limits.lostAttemptsMax + 1)).toEqual([
      "jobFinished a 6: lost 6 times, the last time because the agent is gone",
      "runFinished failed",
    ]);
    expect(story.finished("a", {}, limits.lostAttemptsMax + 1)).toEqual(["refused job-ended"]);
  });

  it("are what a cancel by the agent itself is: nobody here asked for it", () => {
    const story = new Story(pipeline([job("a")]));
    expect(story.runs("a", { outcome: "cancelled", reason: "drained" })).toEqual([
      "attemptLost a 1: the agent gave it up: drained",
    ]);
  });
});

describe("a stop", () => {
  const jobs = [
    job("running"),
    job("queued"),
    job("retrying", retry(3)),
    job("waiting", { needs: ["running"] }),
    job("clean", { finally: true }),
  ];

  it("by a person takes back what waits, has the rest ended, and then cleans up", () => {
    const story = new Story(pipeline(jobs));
    story.runs("retrying", failed);
    story.prepare("running");
    expect(story.cancel()).toEqual([
      "runStopRequested: no longer wanted",
      "jobCancelled queued: no longer wanted",
      "jobCancelled retrying: no longer wanted",
      "jobCancelled waiting: no longer wanted",
    ]);
    expect(story.effects).toEqual(["cancel running 1", "withdraw queued 1", "withdraw retrying 1"]);
    expect(story.run.status).toBe("cancelling");
    expect(story.cancel()).toEqual([]);
    expect(story.prepare("queued")).toEqual(["refused job-ended"]);
    expect(story.finished("running", { outcome: "cancelled", signal: "SIGTERM" })).toEqual([
      "jobFinished running 1",
      "jobQueued clean 1",
    ]);
    expect(story.runs("clean")).toEqual(["jobFinished clean 1", "runFinished cancelled"]);
    expect(story.cancel()).toEqual(["refused run-ended"]);
  });

  it("by force stops finally jobs too", () => {
    const story = new Story(pipeline([job("a"), job("clean", { finally: true })]));
    story.runs("a");
    story.prepare("clean");
    expect(story.cancel()).toEqual(["runStopRequested: no longer wanted"]);
    expect(story.effects).toEqual([]);
    expect(story.cancel(true)).toEqual(["runStopRequested: no longer wanted"]);
    expect(story.effects).toEqual(["cancel clean 1"]);
    expect(story.finished("clean", { outcome: "cancelled" })).toEqual([
      "jobFinished clean 1",
      "runFinished cancelled",
    ]);
  });

  it("by fail-fast skips what waits, and the run has failed", () => {
    const story = new Story(pipeline([...jobs, job("bad")], { failFast: true }));
    story.prepare("running");
    expect(story.runs("bad", failed)).toEqual([
      "jobFinished bad 1: exit code 1",
      'runStopRequested: "bad" failed, and the pipeline is fail-fast',
      'jobCancelled queued: "bad" failed, and the pipeline is fail-fast',
      'jobCancelled retrying: "bad" failed, and the pipeline is fail-fast',
      'jobSkipped waiting: "bad" failed, and the pipeline is fail-fast',
    ]);
    expect(story.run.status).toBe("running");
    expect(story.lost("running")).toEqual([
      "jobCancelled running: the agent is gone",
      "jobQueued clean 1",
    ]);
    expect(story.runs("clean")).toEqual(["jobFinished clean 1", "runFinished failed"]);
  });

  it("by time happens at the wake-up, and only while ordinary jobs are left", () => {
    const story = new Story(
      pipeline([job("a"), job("clean", { finally: true })], { timeoutMs: 60_000 }),
    );
    expect(wakeAtMs(story.run)).toBe(61_000);
    story.prepare("a");
    expect(story.advance(60_999)).toEqual([]);
    expect(story.advance(61_000)).toEqual(["runStopRequested: the run took longer than 60000 ms"]);
    expect(story.effects).toEqual(["cancel a 1"]);
    expect(story.finished("a", { outcome: "cancelled" })).toEqual([
      "jobFinished a 1",
      "jobQueued clean 1",
    ]);
    expect(wakeAtMs(story.run)).toBeUndefined();
    expect(story.runs("clean")).toEqual(["jobFinished clean 1", "runFinished cancelled"]);
  });

  it("does not hide a failure: a run that failed and was cancelled has failed", () => {
    const story = new Story(pipeline([job("a"), job("b")]));
    story.runs("a", failed);
    story.cancel();
    expect(story.run.status).toBe("failed");
  });
});

describe("after a crash", () => {
  it("everything that a run waits for can be told from its state", () => {
    const story = new Story(
      pipeline([
        job("queued", { labels: { os: "linux" }, priority: 3 }),
        job("assigned"),
        job("done"),
      ]),
    );
    story.prepare("assigned");
    story.runs("done");
    expect(pendingWork(story.run)).toEqual({
      effects: [
        {
          type: "submit",
          attempt: { runId: "r1", job: "queued", attempt: 1 },
          priority: 3,
          labels: { os: "linux" },
        },
      ],
      withWorkers: [{ attempt: { runId: "r1", job: "assigned", attempt: 1 }, workerId: "w1" }],
    });
    story.cancel();
    expect(pendingWork(story.run).effects).toEqual([
      {
        type: "cancel",
        attempt: { runId: "r1", job: "assigned", attempt: 1 },
        workerId: "w1",
        reason: "no longer wanted",
        graceMs: 10_000,
      },
    ]);
  });

  it("an agent that comes back learns what becomes of its attempt", () => {
    const story = new Story(pipeline([job("a"), job("b")]));
    const report = { job: "a", attempt: 1, workerId: "w1" };
    expect(resumeVerdict(story.run, report)).toMatchObject({ verdict: "disown" });
    story.prepare("a");
    expect(resumeVerdict(story.run, report)).toEqual({ verdict: "go-on" });
    expect(resumeVerdict(story.run, { ...report, workerId: "w2" })).toMatchObject({
      verdict: "disown",
    });
    story.cancel();
    expect(resumeVerdict(story.run, report)).toEqual({
      verdict: "cancel",
      reason: "no longer wanted",
      graceMs: 10_000,
    });
  });

  it("a large run goes on in bounded turns", () => {
    const jobs = Array.from({ length: 2_500 }, (_, i) => job(`j${i}`));
    const { events, more } = decide(
      newRun,
      { type: "create", runId: "r", definition: pipeline(jobs), parameters: {}, priority: 0 },
      0,
    );
    expect(events).toHaveLength(limits.runEventsPerTurnMax + 1);
    expect(more).toBe(true);
  });
});

describe("what a job is given", () => {
  it("is filled from parameters, outputs, conclusions and the run", () => {
    const definition = pipeline(
      [
        job("a", { outputs: ["sha"] }),
        job("b", {
          needs: ["a"],
          outputs: ["x"],
          secrets: { TOKEN: "NPM_TOKEN" },
          env: {
            ALL: [
              "v",
              { ref: "parameter", name: "version" },
              "-",
              { ref: "output", job: "a", name: "sha" },
              "-",
              { ref: "run", field: "id" },
            ],
            NONE: [{ ref: "parameter", name: "note" }],
          },
        }),
        job("last", {
          finally: true,
          env: { END: [{ ref: "conclusion", job: "b" }, "/", { ref: "run", field: "conclusion" }] },
        }),
      ],
      { name: "demo", outputs: { sha: [{ ref: "output", job: "a", name: "sha" }] } },
    );
    const story = new Story(definition, { version: "1.2" });
    story.runs("a", { outputs: { sha: "abc", stray: "not declared" } });
    expect(viewOfJob(story.run, "a")?.outputs).toEqual({ sha: "abc" });
    expect(instructionsOf(story.state, "b")).toMatchObject({
      pipeline: "demo",
      env: { ALL: "v1.2-abc-r1", NONE: "" },
      secrets: { TOKEN: "NPM_TOKEN" },
    });
    story.runs("b", failed);
    expect(instructionsOf(story.state, "last")?.env).toEqual({ END: "failed/failed" });
    story.runs("last");
    expect(viewOf(story.run)).toMatchObject({
      summary: { status: "failed", jobsTotal: 3, jobsFinished: 3 },
      outputs: { sha: "abc" },
      parameters: { version: "1.2" },
    });
  });

  it("is bounded: outputs that are too big fail the attempt", () => {
    const story = new Story(pipeline([job("a", { outputs: ["x"] })]));
    const outputs = { x: "é".repeat(limits.jobOutputsBytesMax / 2) };
    expect(story.runs("a", { outputs })[0]).toBe(
      "jobFinished a 1: its outputs take 65537 bytes, and 65536 are allowed",
    );
    expect(story.run.status).toBe("failed");
  });
});
