/**
 * The promise: whatever dies and comes back, a run ends as it would have ended without, no attempt is
 * started twice, and no job is started again after its result was acknowledged.
 */
import * as fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { isTroupeError, seededRandom } from "../../../src/actors/kernel/index.ts";
import { faultJournal, memoryJournal } from "../../../src/actors/persistence/journals/index.ts";
import type { PipelineDefinition, RunView } from "../../../src/actors/pipelines/index.ts";
import { anyPipeline, job, pipeline } from "./definitions.ts";
import { failed, Lab, ScriptedAgent, succeeded } from "./run-actor-lab.ts";

let lab: Lab | undefined;
afterEach(() => lab?.close());

/** Below `lostAttemptsMax`: more losses of one job would fail it, which is another promise. */
const lossesMax = 4;

const step = fc.oneof(
  { weight: 2, arbitrary: fc.constant({ do: "kill-server" } as const) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("crash" as const), agent: fc.nat(2) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), agent: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("connect" as const), agent: fc.nat(2) }) },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("finish" as const), agent: fc.nat(2) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("pass" as const), ms: fc.nat(3_000) }) },
  { weight: 1, arbitrary: fc.constant({ do: "absence" } as const) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("ticks" as const), ticks: fc.nat(12) }) },
);

interface Plan {
  readonly definition: PipelineDefinition;
  readonly steps: readonly (typeof step extends fc.Arbitrary<infer S> ? S : never)[];
  /** Jobs by their place: true = every attempt of it fails. */
  readonly fails: readonly boolean[];
  /** Attempts in the order of their start: true = it ends at once. */
  readonly quick: readonly boolean[];
}

const plan: fc.Arbitrary<Plan> = fc.record({
  definition: anyPipeline({ jobsMax: 8 }),
  steps: fc.array(step, { maxLength: 30 }),
  fails: fc.array(
    fc.boolean().map((yes) => yes),
    { minLength: 8, maxLength: 8 },
  ),
  quick: fc.array(fc.boolean(), { minLength: 1, maxLength: 20 }),
});

class Trial {
  readonly lab: Lab;
  readonly agents: readonly ScriptedAgent[];
  readonly #plan: Plan;
  #starts = 0;
  #losses = 0;
  calm = false;

  constructor(of: Lab, plan: Plan) {
    this.lab = of;
    this.#plan = plan;
    const script: ScriptedAgent["script"] = ({ attempt }) => {
      const quick = this.#plan.quick[this.#starts++ % this.#plan.quick.length] ?? true;
      return quick || this.calm ? this.#result(attempt.job) : undefined;
    };
    this.agents = ["a", "b", "c"].map((id) => of.agent(id, { slots: 2, script }));
  }

  #result(name: string) {
    const place = this.#plan.definition.jobs.findIndex((each) => each.name === name);
    return this.#plan.fails[place] === true ? failed : succeeded;
  }

  async take(step: Plan["steps"][number]): Promise<void> {
    const agent = "agent" in step ? this.agents[step.agent] : undefined;
    switch (step.do) {
      case "kill-server":
        this.lab.kill();
        return this.lab.reopen();
      case "crash":
        return this.#lose(() => agent?.crash());
      case "cut":
        return agent?.disconnect();
      case "connect":
        return this.connect(agent);
      case "finish":
        return this.finish(agent);
      case "pass":
        return this.lab.pass(step.ms, 500);
      case "absence":
        return this.#lose(() => this.lab.pass(45_000, 5_000));
      case "ticks":
        for (let tick = 0; tick < step.ticks; tick++) await new Promise((go) => setImmediate(go));
    }
  }

  async connect(agent: ScriptedAgent | undefined): Promise<void> {
    if (agent === undefined || agent.link !== undefined) return;
    await this.lab.during(agent.connect(this.lab.engine));
  }

  finish(agent: ScriptedAgent | undefined): void {
    for (const attempt of agent?.holding ?? []) {
      agent?.finish(
        `${attempt.runId}/${attempt.job}/${attempt.attempt}`,
        this.#result(attempt.job),
      );
    }
  }

  async #lose(how: () => unknown): Promise<void> {
    if (this.#losses++ < lossesMax) await how();
  }

  /** Everything is well again, and all that was held back ends. */
  async recover(): Promise<RunView> {
    this.calm = true;
    for (let round = 0; round < 200; round++) {
      for (const agent of this.agents) {
        await this.connect(agent);
        this.finish(agent);
      }
      const view = await this.lab.view("r");
      if (view.summary.finishedAtMs !== undefined) return view;
      await this.lab.pass(2_000, 1_000);
    }
    throw new Error(`it does not end: ${JSON.stringify(await this.lab.view("r"))}`);
  }
}

const conclusionOf = ({ summary, jobs }: RunView) => ({
  status: summary.status,
  jobs: jobs.map(({ name, status }) => `${name} ${status}`),
});

async function runOnce(plan: Plan): Promise<{ view: RunView; trial: Trial }> {
  lab = await Lab.open();
  const trial = new Trial(lab, plan);
  const { definition } = plan;
  await lab.during(lab.engine.runs.submit({ runId: "r", definition, parameters: {} }));
  for (const agent of trial.agents) await trial.connect(agent);
  for (const step of plan.steps) await trial.take(step);
  const view = await trial.recover();
  return { view, trial };
}

test("a run ends the same whatever dies on its way", async () => {
  await fc.assert(
    fc.asyncProperty(plan, async (plan) => {
      const calm = await runOnce({ ...plan, steps: [], quick: [true] });
      await lab?.close();
      const { view, trial } = await runOnce(plan);
      expect(conclusionOf(view)).toEqual(conclusionOf(calm.view));
      const starts = trial.agents.flatMap((agent) => agent.starts);
      expect(new Set(starts).size).toBe(starts.length);
      await trial.lab.pass(60_000, 10_000);
      for (const agent of trial.agents) {
        await trial.connect(agent);
        expect(agent.holding).toEqual([]);
      }
      expect(trial.lab.engine.workers.list().flatMap(({ holding }) => holding)).toEqual([]);
      expect(await trial.lab.during(trial.lab.engine.scheduler.demand())).toEqual([]);
      await lab?.close();
    }),
    { numRuns: 60 },
  );
});

test("a server killed again and again under 300 jobs repeats none that was acknowledged", async () => {
  lab = await Lab.open();
  const jobs = Array.from({ length: 300 }, (_, n) =>
    job(`j${n}`, { needs: n < 20 ? [] : [`j${n - 20}`] }),
  );
  const agents = ["a", "b", "c"].map((id) => (lab as Lab).agent(id, { slots: 4 }));
  await lab.during(
    lab.engine.runs.submit({ runId: "r", definition: pipeline(jobs), parameters: {} }),
  );
  const acknowledged = new Set<string>();
  for (let round = 0; round < 25; round++) {
    for (const agent of agents) await lab.during(agent.connect(lab.engine));
    for (let tick = 0; tick < 2 + (round % 7); tick++) await new Promise((go) => setImmediate(go));
    const before = agents.flatMap(({ answers }) => [...answers.keys()]);
    for (const id of before) acknowledged.add(id.replace(/\/\d+$/, ""));
    const known = agents.map(({ starts }) => starts.length);
    lab.kill();
    await lab.reopen();
    for (const [n, { starts }] of agents.entries()) {
      for (const id of starts.slice(known[n]))
        expect(acknowledged.has(id.replace(/\/\d+$/, ""))).toBe(false);
    }
  }
  for (const agent of agents) await lab.during(agent.connect(lab.engine));
  const { summary } = await lab.ended("r");
  expect(summary).toMatchObject({ status: "succeeded", jobsFinished: 300 });
  const starts = agents.flatMap((agent) => agent.starts);
  expect(starts.toSorted()).toEqual(jobs.map(({ name }) => `r/${name}/1`).toSorted());
});

test("a journal that loses, delays and refuses writes loses no job and repeats none", async () => {
  await fc.assert(
    fc.asyncProperty(fc.nat(1_000_000), async (seed) => {
      const store = faultJournal(memoryJournal({ shards: 8 }), {
        random: seededRandom(seed),
        rates: { "lost-ack": 0.03, late: 0.02, dropped: 0.03, refused: 0.03, displaced: 0.03 },
      });
      const opened = await untilAnswered(() => Lab.open({}, store));
      lab = opened;
      const agents = ["a", "b"].map((id) => opened.agent(id, { slots: 2 }));
      const jobs = Array.from({ length: 20 }, (_, n) =>
        job(`j${n}`, { needs: n < 4 ? [] : [`j${n - 4}`] }),
      );
      const run = { runId: "r", definition: pipeline(jobs), parameters: {} };
      await untilAnswered(() => opened.engine.runs.submit(run), opened);
      await untilAnswered(async () => {
        for (const agent of agents) {
          if (agent.link === undefined) await agent.connect(opened.engine);
        }
        const view = await opened.engine.runs.view("r");
        if (view?.summary.status === "running") throw new Error("not yet");
        expect(view?.summary).toMatchObject({ status: "succeeded", jobsFinished: 20 });
      }, opened);
      const starts = agents.flatMap((agent) => agent.starts);
      expect(starts.toSorted()).toEqual(jobs.map(({ name }) => `r/${name}/1`).toSorted());
      await opened.close();
    }),
    { numRuns: 20 },
  );
});

/** As a client does: what was not answered is asked again, a little later. */
async function untilAnswered<T>(call: () => Promise<T>, during?: Lab): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await (during === undefined ? call() : during.during(call()));
    } catch (error) {
      if (tries === 500 || !(isTroupeError(error) || String(error).includes("not yet")))
        throw error;
      await during?.pass(1_000);
    }
  }
}

test("2,000 jobs on 16 agents", async () => {
  lab = await Lab.open();
  for (let n = 0; n < 16; n++) await lab.connect(`agent-${n}`, { slots: 4 });
  const jobs = Array.from({ length: 2_000 }, (_, n) =>
    job(`j${n}`, { needs: n < 500 ? [] : [`j${n - 500}`] }),
  );
  await lab.during(
    lab.engine.runs.submit({ runId: "r", definition: pipeline(jobs), parameters: {} }),
  );
  const { summary } = await lab.ended("r");
  expect(summary).toMatchObject({ status: "succeeded", jobsFinished: 2_000 });
  const loads = lab.agents.map(({ starts }) => starts.length);
  expect(loads.reduce((sum, load) => sum + load)).toBe(2_000);
  expect(Math.min(...loads)).toBeGreaterThan(50);
});
