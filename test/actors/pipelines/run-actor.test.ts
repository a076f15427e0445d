import { afterEach, describe, expect, test } from "vitest";
import type { RunChange, SubmitRun } from "../../../src/actors/pipelines/index.ts";
import { job, pipeline } from "./definitions.ts";
import { failed, Lab, ScriptedAgent, succeeded } from "./run-actor-lab.ts";

let lab: Lab;
afterEach(() => lab.close());

type Jobs = Parameters<typeof pipeline>[0];

const submit = (jobs: Jobs, more: Partial<SubmitRun> = {}) =>
  lab.during(
    lab.engine.runs.submit({ runId: "r", definition: pipeline(jobs), parameters: {}, ...more }),
  );

const jobOf = async (name: string) => {
  const { jobs } = await lab.view("r");
  const found = jobs.find((each) => each.name === name);
  if (found === undefined) throw new Error(`no job ${name}`);
  return found;
};

describe("a run", () => {
  test("goes through its jobs in order and tells how it ended", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1");
    const jobs = [job("a"), job("b", { needs: ["a"] }), job("c", { needs: ["b"] })];
    expect(await submit(jobs)).toEqual({ runId: "r", created: true });
    const { summary } = await lab.ended("r");
    expect(summary).toMatchObject({ status: "succeeded", jobsTotal: 3, jobsFinished: 3 });
    expect(agent.starts).toEqual(["r/a/1", "r/b/1", "r/c/1"]);
    expect(agent.answers.get("r/c/1")).toEqual({ recorded: true, reason: "" });
    expect(agent.holding).toEqual([]);
  });

  test("submitted twice is one run", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1");
    await submit([job("a")]);
    expect(await submit([job("other")])).toEqual({ runId: "r", created: false });
    await lab.ended("r");
    expect(agent.starts).toEqual(["r/a/1"]);
  });

  test("is refused when its parameters do not fit, and then there is no run", async () => {
    lab = await Lab.open();
    await expect(submit([job("a")], { parameters: { typo: "x" } })).rejects.toMatchObject({
      code: "TROUPE_RUN_INVALID",
    });
    expect(await lab.during(lab.engine.runs.view("r"))).toBeUndefined();
  });

  test("tries a failed job again after its delay, and no sooner", async () => {
    lab = await Lab.open();
    let tries = 0;
    const agent = await lab.connect("agent-1", {
      script: () => (++tries < 3 ? failed : succeeded),
    });
    const retry = { attemptsMax: 3, initialDelayMs: 10_000, factor: 2, delayMaxMs: 60_000 };
    await submit([job("a", { retry })]);
    await lab.settle();
    expect(await jobOf("a")).toMatchObject({ status: "retrying", attempt: 1, reason: "exit 1" });
    await lab.pass(9_000);
    expect(agent.starts).toEqual(["r/a/1"]);
    await lab.pass(1_000);
    expect(agent.starts).toEqual(["r/a/1", "r/a/2"]);
    const { summary } = await lab.ended("r");
    expect(summary.status).toBe("succeeded");
    expect(agent.starts).toEqual(["r/a/1", "r/a/2", "r/a/3"]);
  });

  test("is stopped when its time is over, also across a crash of the server", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: () => undefined });
    await submit([job("slow")], { definition: pipeline([job("slow")], { timeoutMs: 60_000 }) });
    await lab.pass(30_000);
    lab.kill();
    await lab.reopen();
    await agent.connect(lab.engine);
    await lab.pass(29_000);
    expect(agent.cancels).toEqual([]);
    const { summary } = await lab.ended("r");
    expect(summary.status).toBe("cancelled");
    expect(agent.cancels).toEqual([
      { id: "r/slow/1", order: { graceMs: 10_000, reason: expect.stringContaining("60000 ms") } },
    ]);
  });

  test("hands outputs on to the jobs that need them", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", {
      script: ({ attempt }) => ({
        ...succeeded,
        outputs: attempt.job === "a" ? { sha: "f00" } : {},
      }),
    });
    const env = { SHA: ["v-", { ref: "output", job: "a", name: "sha" } as const] };
    await submit([job("a", { outputs: ["sha"] }), job("b", { needs: ["a"], env })]);
    await lab.ended("r");
    expect(agent.prepared.get("r/b/1")?.env).toEqual({ SHA: "v-f00" });
  });
});

describe("secrets", () => {
  test("reach the agent by value and the journal by name", async () => {
    const canary = "c4n4ry-value";
    const asked: string[] = [];
    const secrets = {
      resolve: async (name: string, { job }: { job: string }) => {
        asked.push(`${job}:${name}`);
        return name === "NPM" ? canary : undefined;
      },
    };
    lab = await Lab.open({ secrets });
    const agent = await lab.connect("agent-1");
    await submit([job("a", { secrets: { TOKEN: "NPM", AGAIN: "NPM" } })]);
    await lab.ended("r");
    expect(agent.prepared.get("r/a/1")?.secrets).toEqual({ TOKEN: canary, AGAIN: canary });
    expect(asked).toEqual(["a:NPM"]);
    expect(await lab.journal.contains("NPM")).toBe(true);
    expect(await lab.journal.contains(canary)).toBe(false);
  });

  test("that are missing fail the job with a sentence, and nothing is started", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1");
    await submit([job("a", { secrets: { TOKEN: "NPM" } })]);
    const { summary } = await lab.ended("r");
    expect(summary.status).toBe("failed");
    expect((await jobOf("a")).reason).toBe('the secret "NPM" has no value on the server');
    expect(agent.starts).toEqual([]);
    await submit([job("b")], { runId: "next" });
    await lab.ended("next");
    expect(agent.starts).toEqual(["next/b/1"]);
  });

  test("of a source that is down are waited for", async () => {
    let isDown = true;
    const secrets = {
      resolve: async () => {
        if (isDown) throw new Error("the vault is sealed");
        return "value";
      },
    };
    lab = await Lab.open({ secrets });
    const agent = await lab.connect("agent-1");
    await submit([job("a", { secrets: { TOKEN: "NPM" } })]);
    await lab.pass(5_000);
    expect(agent.starts).toEqual([]);
    isDown = false;
    expect((await lab.ended("r")).summary.status).toBe("succeeded");
  });
});

describe("a worker", () => {
  const holdOn = () => undefined;

  test("that comes back within its lease goes on with what it has", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    agent.disconnect();
    await lab.pass(20_000);
    await agent.connect(lab.engine);
    await lab.pass(60_000);
    agent.finish("r/a/1", succeeded);
    expect((await lab.ended("r")).summary.status).toBe("succeeded");
    expect(agent.starts).toEqual(["r/a/1"]);
  });

  test("that stays away is lost: its job goes to another one, its late result counts for nothing", async () => {
    lab = await Lab.open();
    const first = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    first.disconnect();
    const second = await lab.connect("agent-2", { script: holdOn });
    await lab.pass(39_000);
    expect(second.starts).toEqual([]);
    await lab.pass(2_000);
    expect(second.starts).toEqual(["r/a/2"]);
    expect(lab.engine.workers.list().map(({ workerId, status }) => [workerId, status])).toEqual([
      ["agent-1", "lost"],
      ["agent-2", "busy"],
    ]);
    first.finish("r/a/1", succeeded);
    await first.connect(lab.engine);
    await lab.settle();
    expect(first.holding).toEqual([]);
    expect((await jobOf("a")).status).toBe("running");
    second.finish("r/a/2", succeeded);
    expect((await lab.ended("r")).summary.status).toBe("succeeded");
  });

  test("that says nothing for its lease is lost even though its stream is up", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    for (let second = 0; second < 45; second++) {
      lab.clock.advance(1_000);
      await lab.settle();
    }
    expect(agent.link).toBeUndefined();
    expect((await jobOf("a")).attempt).toBe(2);
  });

  test("that was started anew has lost what it ran, at once", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    agent.crash();
    agent.script = () => succeeded;
    await agent.connect(lab.engine);
    expect((await lab.ended("r")).summary.status).toBe("succeeded");
    expect(agent.starts).toEqual(["r/a/1", "r/a/2"]);
  });

  test("gets a full new lease from a server that was away for three of them", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    lab.kill();
    lab.clock.advance(120_000);
    await lab.reopen();
    await lab.pass(35_000);
    expect((await jobOf("a")).attempt).toBe(1);
    await agent.connect(lab.engine);
    await lab.pass(60_000);
    agent.finish("r/a/1", succeeded);
    await lab.ended("r");
    expect(agent.starts).toEqual(["r/a/1"]);
  });

  test("that never came back to a restarted server is lost", async () => {
    lab = await Lab.open();
    await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    lab.kill();
    await lab.reopen();
    const other = await lab.connect("agent-2");
    await lab.pass(39_000);
    expect(other.starts).toEqual([]);
    await lab.ended("r");
    expect(other.starts).toEqual(["r/a/2"]);
  });

  test("whose acknowledgement was lost is answered the same again, and nothing runs twice", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a"), job("b", { needs: ["a"] })]);
    await lab.settle();
    const link = agent.link;
    agent.finish("r/a/1", succeeded);
    agent.link = undefined;
    await lab.settle();
    link?.closed("cut before the acknowledgement arrived");
    agent.script = () => succeeded;
    await agent.connect(lab.engine);
    expect((await lab.ended("r")).summary.status).toBe("succeeded");
    expect(agent.starts).toEqual(["r/a/1", "r/b/1"]);
    expect(agent.holding).toEqual([]);
  });

  test("that declines gives the job back, uses up no attempt, and is left alone for a while", async () => {
    lab = await Lab.open();
    const picky = await lab.connect("agent-1", {
      script: () => ({ outcome: "declined", outputs: {}, reason: "draining" }),
    });
    await submit([job("a")]);
    await lab.pass(4_000);
    expect(picky.starts).toEqual(["r/a/1"]);
    expect(await jobOf("a")).toMatchObject({ status: "queued", attempt: 2 });
    picky.script = () => succeeded;
    expect((await lab.ended("r")).summary.status).toBe("succeeded");
    expect(picky.starts).toEqual(["r/a/1", "r/a/2"]);
  });

  test("that drains takes nothing new and is gone when its last attempt has ended", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn, slots: 2 });
    await submit([job("a")]);
    await lab.settle();
    await lab.during(lab.engine.workers.drain("agent-1", "upgrade"));
    expect(agent.drained).toBe("upgrade");
    await submit([job("b")], { runId: "next" });
    await lab.pass(5_000);
    expect(agent.starts).toEqual(["r/a/1"]);
    expect(await lab.during(lab.engine.runs.waiting("next"))).toEqual(
      new Map([["b", "no worker is connected"]]),
    );
    agent.finish("r/a/1", succeeded);
    await lab.settle();
    expect(lab.engine.workers.list()).toMatchObject([{ status: "gone", holding: [] }]);
  });

  test("with a newer connection hears nothing more over the old one", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    const old = agent.link;
    await agent.connect(lab.engine);
    expect(agent.link).not.toBe(old);
    old?.closed("late");
    await lab.settle();
    expect(lab.engine.workers.list()).toMatchObject([{ connected: true, status: "busy" }]);
  });

  test("with a hello that makes no sense is refused", async () => {
    lab = await Lab.open();
    const odd = new ScriptedAgent("odd", { slots: 0 });
    await expect(odd.connect(lab.engine)).rejects.toMatchObject({ code: "TROUPE_WORKER_REFUSED" });
  });

  test("is known by its enrolment before it has ever connected", async () => {
    lab = await Lab.open();
    await lab.during(
      lab.engine.workers.enrolled("w", { agentName: "box", labels: { os: "linux" } }),
    );
    expect(lab.engine.workers.list()).toEqual([
      {
        workerId: "w",
        agentName: "box",
        status: "registering",
        connected: false,
        labels: { os: "linux" },
        slots: 0,
        holding: [],
      },
    ]);
  });
});

describe("cancel", () => {
  const holdOn = () => undefined;
  const cancel = () => lab.during(lab.engine.runs.cancel("r", "not needed"));

  test("reaches what runs, takes back what waits, and finally jobs still run", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([
      job("a", { killGraceMs: 1_234 }),
      job("b"),
      job("c", { needs: ["b"] }),
      job("clean", { finally: true }),
    ]);
    await lab.settle();
    agent.script = () => succeeded;
    expect(await cancel()).toEqual({ cancelling: true });
    const view = await lab.ended("r");
    expect(view.summary.status).toBe("cancelled");
    expect(view.jobs.map(({ name, status }) => [name, status])).toEqual([
      ["a", "cancelled"],
      ["b", "cancelled"],
      ["c", expect.stringMatching(/cancelled|skipped/)],
      ["clean", "succeeded"],
    ]);
    expect(agent.cancels).toEqual([
      { id: "r/a/1", order: { reason: "not needed", graceMs: 1_234 } },
    ]);
    expect(agent.starts).toEqual(["r/a/1", "r/clean/1"]);
    expect(await cancel()).toEqual({ cancelling: false });
  });

  test("reaches an agent that was away, when it comes back", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    agent.disconnect();
    await cancel();
    await lab.pass(5_000);
    await agent.connect(lab.engine);
    expect((await lab.ended("r")).summary.status).toBe("cancelled");
    expect(agent.cancels.length).toBe(1);
  });

  test("holds across a crash of the server", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a")]);
    await lab.settle();
    agent.disconnect();
    await cancel();
    lab.kill();
    await lab.reopen();
    await agent.connect(lab.engine);
    expect((await lab.ended("r")).summary.status).toBe("cancelled");
  });

  test("of what was assigned and never delivered ends without the agent", async () => {
    let release: (value: string) => void = () => {};
    const gate = new Promise<string>((resolve) => {
      release = resolve;
    });
    lab = await Lab.open({ secrets: { resolve: () => gate } });
    const agent = await lab.connect("agent-1");
    await submit([job("a", { secrets: { S: "S" } })]);
    await lab.settle();
    expect((await jobOf("a")).status).toBe("assigned");
    agent.disconnect();
    await cancel();
    release("late");
    await agent.connect(lab.engine);
    expect((await lab.ended("r")).summary.status).toBe("cancelled");
    expect(agent.starts).toEqual([]);
  });

  test("never overtakes the assignment that it is about", async () => {
    let release: (value: string) => void = () => {};
    const gate = new Promise<string>((resolve) => {
      release = resolve;
    });
    lab = await Lab.open({ secrets: { resolve: () => gate } });
    const agent = await lab.connect("agent-1", { script: holdOn });
    await submit([job("a", { secrets: { S: "S" } })]);
    await lab.settle();
    await cancel();
    await lab.settle();
    release("now");
    expect((await lab.ended("r")).summary.status).toBe("cancelled");
    expect(agent.starts).toEqual(["r/a/1"]);
    expect(agent.cancels.map(({ id }) => id)).toEqual(["r/a/1"]);
  });

  test("of a run that does not exist says so", async () => {
    lab = await Lab.open();
    await expect(cancel()).rejects.toMatchObject({ code: "TROUPE_RUN_NOT_FOUND" });
  });
});

describe("the queue", () => {
  test("that is full makes runs wait, and loses none of their jobs", async () => {
    lab = await Lab.open({ queuedAttemptsMax: 5 });
    const jobs = Array.from({ length: 60 }, (_, n) => job(`j${n}`));
    await submit(jobs);
    await submit(jobs, { runId: "other" });
    await lab.settle();
    const demand = await lab.during(lab.engine.scheduler.demand());
    expect(demand).toEqual([{ labels: {}, queued: 5, workers: 0 }]);
    await lab.connect("agent-1", { slots: 3 });
    expect((await lab.ended("r")).summary).toMatchObject({ status: "succeeded", jobsFinished: 60 });
    expect((await lab.ended("other")).summary.status).toBe("succeeded");
  });

  test("gives urgent runs' jobs first, and only to workers with the labels", async () => {
    lab = await Lab.open();
    await submit([job("low")], { runId: "low" });
    await submit([job("high"), job("gpu", { labels: { gpu: "a100" } })], {
      runId: "high",
      priority: 5,
    });
    const agent = await lab.connect("agent-1", { labels: { os: "linux" } });
    await lab.ended("low");
    expect(agent.starts).toEqual(["high/high/1", "low/low/1"]);
    expect(await lab.during(lab.engine.runs.waiting("high"))).toEqual(
      new Map([["gpu", "no worker with the labels {gpu=a100} is connected"]]),
    );
  });

  test("tells listeners what is wanted when it changes", async () => {
    lab = await Lab.open();
    const told: unknown[] = [];
    const stop = lab.engine.scheduler.watchDemand((demand) => told.push(demand));
    await submit([job("a"), job("b", { labels: { os: "mac" } })]);
    await lab.pass(1_000, 100);
    await lab.connect("agent-1", { script: () => undefined });
    await lab.pass(1_000, 100);
    stop();
    const mac = { labels: { os: "mac" }, queued: 1, workers: 0 };
    expect(told.at(-2)).toEqual([{ labels: {}, queued: 1, workers: 0 }, mac]);
    expect(told.at(-1)).toEqual([mac]);
  });
});

describe("watching", () => {
  test("shows the run, then every change in order, then ends", async () => {
    lab = await Lab.open();
    await submit([job("a"), job("b", { needs: ["a"] })]);
    const seen: RunChange[] = [];
    const watching = (async () => {
      for await (const change of lab.engine.runs.watch("r")) seen.push(change);
    })();
    await lab.connect("agent-1");
    await lab.during(watching);
    expect(seen[0]?.kind).toBe("snapshot");
    const steps = seen.flatMap((change) =>
      change.kind === "job" ? [`${change.job.name} ${change.job.status}`] : [],
    );
    expect(steps.join(", ")).toBe(
      "a assigned, a running, a succeeded, b queued, b assigned, b running, b succeeded",
    );
    expect(seen.at(-1)).toMatchObject({ kind: "summary", summary: { status: "succeeded" } });
    const again: RunChange[] = [];
    for await (const change of lab.engine.runs.watch("r")) again.push(change);
    expect(again).toMatchObject([{ kind: "snapshot", run: { summary: { status: "succeeded" } } }]);
  });

  test("slowly gives the newest state of every job instead of every step", async () => {
    lab = await Lab.open();
    const jobs = Array.from({ length: 700 }, (_, n) => job(`j${n}`));
    await submit(jobs);
    const changes = lab.engine.runs.watch("r")[Symbol.asyncIterator]();
    const first = await lab.during(changes.next());
    expect(first.value).toMatchObject({ kind: "snapshot" });
    await lab.connect("agent-1", { slots: 100 });
    await lab.ended("r");
    const rest: RunChange[] = [];
    for (let next = await changes.next(); next.done !== true; next = await changes.next()) {
      rest.push(next.value);
    }
    expect(rest.length).toBeLessThanOrEqual(701);
    const ended = rest.filter(
      (change) => change.kind === "job" && change.job.status === "succeeded",
    );
    expect(ended.length).toBe(700);
    expect(rest.at(-1)).toMatchObject({ kind: "summary", summary: { status: "succeeded" } });
  });

  test("what is not there is refused; a watcher that leaves is forgotten", async () => {
    lab = await Lab.open();
    const missing = lab.engine.runs.watch("nothing")[Symbol.asyncIterator]();
    await expect(lab.during(missing.next())).rejects.toMatchObject({
      code: "TROUPE_RUN_NOT_FOUND",
    });
    await submit([job("a")]);
    const leaving = new AbortController();
    const seen: RunChange[] = [];
    const watching = (async () => {
      for await (const change of lab.engine.runs.watch("r", { signal: leaving.signal }))
        seen.push(change);
    })();
    await lab.settle();
    leaving.abort();
    await lab.during(watching);
    expect(seen.map(({ kind }) => kind)).toEqual(["snapshot"]);
  });
});

test("the list of runs is there after a restart, newest first, with how they ended", async () => {
  lab = await Lab.open();
  await lab.connect("agent-1");
  for (const runId of ["one", "two"]) {
    await submit([job("a")], { runId });
    await lab.ended(runId);
  }
  await submit([job("stuck", { labels: { no: "such" } })], { runId: "three" });
  await lab.settle();
  lab.kill();
  await lab.reopen();
  const runs = await lab.during(lab.engine.runs.list());
  expect(runs.map(({ runId, status }) => [runId, status])).toEqual([
    ["three", "running"],
    ["two", "succeeded"],
    ["one", "succeeded"],
  ]);
  expect(await lab.during(lab.engine.runs.list({ limit: 1 }))).toHaveLength(1);
});
