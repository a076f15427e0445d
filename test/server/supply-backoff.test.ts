import { expect, it } from "vitest";
import { seededRandom, silentLogger } from "../../src/actors/kernel/index.ts";
import type { Scheduler } from "../../src/actors/scheduler/index.ts";
import { ManualClock } from "../../src/actors/testing/index.ts";
import { AgentSupply } from "../../src/server/agent-supply.ts";
import type { Enrolment } from "../../src/server/enrolment.ts";
import { waitUntil } from "../support/wait-until.ts";
import { InProcessProvider } from "./in-process-provider.ts";
import { ScriptedWorkers } from "./scripted-workers.ts";

const demand = [{ labels: {}, queued: 1, workers: 0 }];
const scheduler = {
  demand: async () => demand,
  watchDemand: () => () => {},
} as Pick<Scheduler, "demand" | "watchDemand"> as Scheduler;

const enrolment: Enrolment = {
  createToken: async () => ({ token: "t", agentId: "a", expiresAtMs: 0 }),
  enrol: () => Promise.reject(new Error("nobody enrols here")),
  forget: async () => {},
  admit: () => Promise.reject(new Error("nobody connects here")),
  deny: async () => {},
  allow: async () => {},
  authenticate: () => Promise.reject(new Error("nobody connects here")),
};

it("waits longer after each start that fails, and says what is wrong", async () => {
  const clock = new ManualClock();
  const provider = new InProcessProvider();
  const triedAtMs: number[] = [];
  provider.health = async () => {
    triedAtMs.push(clock.monotonicMs());
    throw new Error("no disk");
  };
  const supply = new AgentSupply({
    provider,
    scheduler,
    workers: new ScriptedWorkers(),
    enrolment,
    clock,
    random: seededRandom(1),
    logger: silentLogger,
    systemId: "s",
    serverAddress: "127.0.0.1:1",
    slotsPerAgent: 1,
    agentsMin: 0,
    agentsMax: 1,
    idleTimeoutMs: 1_000,
    startTimeoutMs: 1_000,
    adoptWithinMs: 0,
  });
  await supply.start();
  await waitUntil("the first start has failed", () => supply.problem() !== undefined);
  expect(supply.problem()).toBe("no agent could be started: no disk");
  for (let step = 0; step < 400; step += 1) {
    clock.advance(500);
    // The failure of a start is known some turns later.
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  const pausesMs = triedAtMs.slice(1).map((at, index) => at - (triedAtMs[index] ?? 0));
  expect(pausesMs).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  await supply.stop("destroy");
  expect(clock.timers).toBe(0);
});
