/** Concurrency groups: one at a time, whatever crashes. */
import { afterEach, describe, expect, test } from "vitest";
import type { PipelineDefinition } from "../../../src/actors/pipelines/index.ts";
import { definePipeline, template } from "../../../src/index.ts";
import { Lab, type ScriptedAgent, succeeded } from "./run-actor-lab.ts";

let lab: Lab;
afterEach(() => lab.close());

type Options = Parameters<typeof definePipeline>[1];
type Concurrency = Extract<Options, { concurrency?: unknown }>["concurrency"];

const runExclusive = (concurrency: NonNullable<Concurrency>): PipelineDefinition =>
  definePipeline("deploy", { concurrency }, (pipeline) => {
    pipeline.job("ship", { run: "./ship" });
  }).definition;

const jobExclusive = (concurrency: NonNullable<Concurrency>, names = ["ship"]) =>
  definePipeline("deploy", (pipeline) => {
    for (const name of names) pipeline.job(name, { run: "./ship", concurrency });
  }).definition;

const submit = (runId: string, definition: PipelineDefinition, parameters = {}) =>
  lab.during(lab.engine.runs.submit({ runId, definition, parameters }));

const endless = { slots: 8, script: () => undefined };

describe("a concurrency group", () => {
  test.each([
    ["of pipelines", runExclusive("prod")],
    ["of jobs", jobExclusive("prod")],
  ])("%s lets one in at a time, in order of arrival", async (_, definition) => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", endless);
    for (const runId of ["r1", "r2", "r3"]) await submit(runId, definition);
    await lab.pass(60_000);
    expect(agent.starts).toEqual(["r1/ship/1"]);
    expect((await lab.during(lab.engine.runs.waiting("r3"))).get("ship")).toMatch(
      /^(run r1|job "ship" of run r1) is in progress in the concurrency group prod, and 1 wait before it$/,
    );
    expect(await lab.during(lab.engine.scheduler.demand())).toEqual([]);
    agent.finish("r1/ship/1", succeeded);
    await lab.ended("r1");
    await lab.pass(1_000);
    expect(agent.starts).toEqual(["r1/ship/1", "r2/ship/1"]);
    await lab.during(lab.engine.runs.cancel("r2", "enough"));
    await lab.ended("r2");
    await lab.pass(1_000);
    expect(agent.starts).toEqual(["r1/ship/1", "r2/ship/1", "r3/ship/1"]);
  });

  test("tells its agent to kill on disconnect, unless the job says otherwise", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", endless);
    await submit("r1", jobExclusive("a"));
    await submit("r2", runExclusive("b"));
    const { definition } = definePipeline("own", (pipeline) => {
      pipeline.job("ship", { run: "x", concurrency: "c", onDisconnect: "continue" });
      pipeline.job("plain", { run: "x" });
      pipeline.job("fragile", { run: "x", onDisconnect: "kill" });
    });
    await submit("r3", definition);
    await lab.pass(1_000);
    const told = [...agent.prepared].map(([id, { onDisconnect }]) => [id, onDisconnect]).sort();
    expect(told).toEqual([
      ["r1/ship/1", "kill"],
      ["r2/ship/1", "kill"],
      ["r3/fragile/1", "kill"],
      ["r3/plain/1", "continue"],
      ["r3/ship/1", "continue"],
    ]);
  });

  test("is named by parameters; other groups do not wait", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", endless);
    const { definition } = definePipeline(
      "deploy",
      { parameters: { target: { type: "string" } } },
      (pipeline) => {
        const { target } = pipeline.parameters;
        pipeline.job("ship", { run: "x", concurrency: template`deploy-${target}` });
      },
    );
    await submit("r1", definition, { target: "a" });
    await submit("r2", definition, { target: "b" });
    await submit("r3", definition, { target: "a" });
    await lab.pass(1_000);
    expect(agent.starts).toEqual(["r1/ship/1", "r2/ship/1"]);
  });

  test("of the run's own name does not make its jobs wait for their run", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1");
    const { definition } = definePipeline("deploy", { concurrency: "g" }, (pipeline) => {
      pipeline.job("ship", { run: "x", concurrency: "g" });
    });
    await submit("r1", definition);
    expect((await lab.ended("r1")).summary.status).toBe("succeeded");
    expect(agent.starts).toEqual(["r1/ship/1"]);
  });

  test("holds its place between two attempts and until a lost one is surely over", async () => {
    lab = await Lab.open({ leaseMs: 10_000, leaseGraceMs: 5_000 });
    const first = await lab.connect("agent-1", endless);
    await submit("r1", jobExclusive("prod"));
    await lab.pass(1_000);
    await lab.connect("agent-2", endless);
    await submit("r2", jobExclusive("prod"));
    first.disconnect();
    await lab.pass(13_000);
    expect(startsOf()).toEqual(["r1/ship/1"]);
    await lab.pass(2_000);
    expect(startsOf()).toEqual(["r1/ship/1", "r1/ship/2"]);
  });

  test("cancel-in-progress ends those before the newcomer: a run as a whole, of a run the job alone", async () => {
    lab = await Lab.open();
    const agent = await lab.connect("agent-1", endless);
    const group = { group: "prod", cancelInProgress: true };
    await submit("r1", runExclusive(group));
    await lab.pass(1_000);
    await submit("r2", jobExclusive(group, ["ship"]));
    const { summary } = await lab.ended("r1");
    expect(summary.status).toBe("cancelled");
    expect(agent.cancels.map(({ order }) => order.reason)).toEqual([
      'job "ship" of run r2 took its place in the concurrency group prod',
    ]);
    await lab.pass(1_000);
    await submit("r3", jobExclusive(group));
    const second = await lab.ended("r2");
    expect(second.summary.status).toBe("cancelled");
    expect(second.jobs[0]).toMatchObject({ status: "cancelled", attempt: 1 });
    await lab.pass(1_000);
    expect(agent.starts).toEqual(["r1/ship/1", "r2/ship/1", "r3/ship/1"]);
  });

  test("never has two in progress while the server dies again and again", async () => {
    lab = await Lab.open({ leaseMs: 10_000, leaseGraceMs: 5_000 });
    const agents = [await lab.connect("agent-1", endless), await lab.connect("agent-2", endless)];
    const runIds = Array.from({ length: 6 }, (_, index) => `r${index}`);
    for (const [index, runId] of runIds.entries()) {
      await submit(runId, index % 2 === 0 ? jobExclusive("prod") : runExclusive("prod"));
      if (index === 2) await crash(agents);
    }
    const done: string[] = [];
    for (let turn = 0; done.length < runIds.length && turn < 60; turn++) {
      await lab.pass(2_000);
      const running = agents.flatMap(({ holding }) => holding);
      expect(running.length).toBeLessThanOrEqual(1);
      if (turn % 3 === 1) {
        await crash(agents);
        continue;
      }
      for (const agent of agents) {
        for (const { runId } of agent.holding) {
          agent.finish(`${runId}/ship/1`, succeeded);
          done.push(runId);
        }
      }
    }
    await lab.pass(2_000);
    expect(done).toEqual(runIds);
    expect(startsOf()).toEqual(runIds.map((runId) => `${runId}/ship/1`));
    for (const runId of runIds) expect((await lab.ended(runId)).summary.status).toBe("succeeded");
  });
});

/** Of all agents, in the order of the runs. */
function startsOf(): string[] {
  return lab.agents.flatMap(({ starts }) => starts).sort();
}

async function crash(agents: readonly ScriptedAgent[]): Promise<void> {
  lab.kill();
  await lab.reopen();
  for (const agent of agents) await lab.during(agent.connect(lab.engine));
}
