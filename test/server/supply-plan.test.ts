import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  canServe,
  planSupply,
  type SuppliedAgent,
  type SupplyView,
} from "../../src/server/supply-plan.ts";

const base: SupplyView = {
  nowMs: 100_000,
  demand: [],
  agents: [],
  labels: { os: "linux" },
  slotsPerAgent: 4,
  agentsMin: 0,
  agentsMax: 3,
  idleTimeoutMs: 60_000,
  startsAtMs: 0,
};
const waiting = (queued: number, labels = {}) => ({ labels, queued, workers: 0 });
const agent = (name: string, of: Partial<SuppliedAgent> = {}): SuppliedAgent => ({
  name,
  phase: "up",
  sinceMs: 0,
  patienceMs: 60_000,
  ...of,
});

describe("the plan of the supply", () => {
  it.each<[string, Partial<SupplyView>, number]>([
    ["nothing waits", {}, 0],
    ["one attempt waits", { demand: [waiting(1)] }, 1],
    ["as many as two agents take", { demand: [waiting(5), waiting(3)] }, 2],
    ["more than all agents take", { demand: [waiting(500)] }, 3],
    ["it asks for what these agents are not", { demand: [waiting(5, { os: "mac" })] }, 0],
    [
      "an agent that starts will take it",
      {
        demand: [waiting(4)],
        agents: [agent("a", { phase: "starting", sinceMs: 90_000 })],
      },
      0,
    ],
    [
      "all agents are busy, and there is room for more",
      {
        demand: [waiting(1)],
        agents: [agent("a"), agent("b")],
      },
      1,
    ],
    [
      "agents that end take up room",
      {
        demand: [waiting(50)],
        agents: [agent("a", { phase: "ending", sinceMs: 99_999 }), agent("b"), agent("c")],
      },
      0,
    ],
    ["earlier starts have failed", { demand: [waiting(5)], startsAtMs: 100_001 }, 0],
    ["some are kept warm", { agentsMin: 2 }, 2],
  ])("when %s", (_, view, start) => {
    expect(planSupply({ ...base, ...view }).start).toBe(start);
  });

  it("lets go what has been idle for long enough, but for the warm ones, and only if nothing waits", () => {
    const agents = [
      agent("long", { idleSinceMs: 40_000 }),
      agent("longer", { idleSinceMs: 30_000 }),
      agent("short", { idleSinceMs: 90_000 }),
      agent("busy"),
    ];
    const view = { ...base, agents, agentsMax: 4 };
    expect(planSupply(view).drain).toEqual(["long", "longer"]);
    expect(planSupply({ ...view, agentsMin: 3 }).drain).toEqual(["long"]);
    expect(planSupply({ ...view, demand: [waiting(1)] }).drain).toEqual([]);
  });

  it("gives up what did not connect or end in time, and what is lost", () => {
    const agents = [
      agent("slow", { phase: "starting", sinceMs: 40_000 }),
      agent("away", { phase: "returning", sinceMs: 95_000, patienceMs: 5_000 }),
      agent("stuck", { phase: "draining", sinceMs: 20_000 }),
      agent("frozen", { lost: true }),
      agent("fine"),
    ];
    expect(planSupply({ ...base, agents, agentsMax: 9 }).destroy).toEqual([
      "slow",
      "away",
      "stuck",
      "frozen",
    ]);
  });

  it("never has more agents than it may, whatever is asked", () => {
    const phase = fc.constantFrom("starting", "returning", "up", "draining", "ending" as const);
    fc.assert(
      fc.property(
        fc.record({
          queued: fc.nat(10_000),
          phases: fc.array(phase, { maxLength: 20 }),
          agentsMin: fc.nat(5),
          agentsMax: fc.nat(20),
          slotsPerAgent: fc.integer({ min: 1, max: 16 }),
        }),
        ({ queued, phases, agentsMin, agentsMax, slotsPerAgent }) => {
          const agents = phases.map((of, index) => agent(`a${index}`, { phase: of as "up" }));
          const { start } = planSupply({
            ...base,
            demand: [waiting(queued)],
            agents,
            agentsMin,
            agentsMax,
            slotsPerAgent,
          });
          expect(start).toBeGreaterThanOrEqual(0);
          expect(start === 0 || agents.length + start <= agentsMax).toBe(true);
          expect((start - 1) * slotsPerAgent < Math.max(queued, agentsMin * slotsPerAgent)).toBe(
            true,
          );
        },
      ),
    );
  });
});

describe("labels", () => {
  it("must all be there, with the very value", () => {
    expect(canServe({ a: "1", b: "2" }, { a: "1" })).toBe(true);
    expect(canServe({ a: "1" }, { a: "2" })).toBe(false);
    expect(canServe({ a: "1" }, { b: "2" })).toBe(false);
    expect(canServe({}, { toString: "x" })).toBe(false);
    expect(canServe({}, {})).toBe(true);
  });
});
