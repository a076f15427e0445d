import { afterEach, expect, test } from "vitest";
import type { AgentSession } from "../../../src/actors/workers/index.ts";
import { job, pipeline } from "./definitions.ts";
import { Lab, succeeded } from "./run-actor-lab.ts";

let lab: Lab;
afterEach(() => lab.close());

const deafSession: AgentSession = {
  assign: () => {},
  cancel: () => {},
  drain: () => {},
  close: () => {},
};

test("a hello of an earlier start that comes late is refused, and loses nothing of the newer one", async () => {
  lab = await Lab.open();
  const agent = await lab.connect("agent-1", { script: () => undefined });
  agent.crash();
  await lab.during(agent.connect(lab.engine));
  await lab.during(
    lab.engine.runs.submit({ runId: "r", definition: pipeline([job("a")]), parameters: {} }),
  );
  await lab.pass(1_000);
  expect(agent.starts).toEqual(["r/a/1"]);
  // The newer start is away for a moment when the network delivers what the earlier one has said.
  agent.disconnect();
  const late = {
    agentName: "agent-1",
    version: "1.0.0",
    bootId: "boot-1",
    start: 1,
    dial: 1,
    labels: {},
    slots: 1,
    holding: [],
  };
  const outcome = lab.engine.workers.connect("agent-1", late, deafSession).then(
    () => "taken",
    (error: unknown) => String(error),
  );
  expect(await lab.during(outcome)).toMatch(/earlier-start/);
  await lab.during(agent.connect(lab.engine));
  agent.finish("r/a/1", succeeded);
  const { summary } = await lab.ended("r");
  expect(summary.status).toBe("succeeded");
  expect(agent.starts).toEqual(["r/a/1"]);
});
