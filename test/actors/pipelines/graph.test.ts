import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { buildGraph, type GraphNode } from "../../../src/actors/pipelines/build-graph.ts";
import { levelsOf, neighbours, topologicalOrder } from "../../../src/actors/pipelines/graph.ts";

const node = (name: string, ...needs: string[]): GraphNode => ({ name, needs });

describe("graph", () => {
  it("finds who needs whom in both directions", () => {
    const { graph, problems } = buildGraph([node("a"), node("b", "a"), node("c", "a", "b")]);
    expect(problems).toEqual([]);
    expect([...neighbours(graph.needs, 2)]).toEqual([0, 1]);
    expect([...neighbours(graph.dependents, 0)]).toEqual([1, 2]);
  });

  it("orders jobs level by level, and within a level as they stand", () => {
    const { graph } = buildGraph([node("z", "a"), node("a"), node("m"), node("b", "z", "m")]);
    expect([...topologicalOrder(graph)]).toEqual([1, 2, 0, 3]);
    expect(levelsOf(graph)).toEqual([[1, 2], [0], [3]]);
  });

  it("names a need that does not exist, with the nearest name", () => {
    const { problems } = buildGraph([node("build"), node("test", "biuld", "lint-everything")]);
    expect(problems).toEqual([
      { kind: "unknown-need", job: 1, at: 0, suggestion: "build" },
      { kind: "unknown-need", job: 1, at: 1, suggestion: undefined },
    ]);
  });

  it("names a duplicate job, a need of itself and a repeated need, and leaves those edges out", () => {
    const { graph, problems } = buildGraph([node("a"), node("b", "b", "a", "a"), node("a")]);
    expect(problems).toEqual([
      { kind: "duplicate-job", job: 2, first: 0 },
      { kind: "self-need", job: 1, at: 0 },
      { kind: "repeated-need", job: 1, at: 2 },
    ]);
    expect([...neighbours(graph.needs, 1)]).toEqual([0]);
  });

  it("names a cycle in full, in the direction of the needs, starting from its first job", () => {
    const { problems } = buildGraph([
      node("start"),
      node("a", "c", "start"),
      node("b", "a"),
      node("c", "b"),
      node("behind", "c"),
    ]);
    expect(problems).toEqual([{ kind: "cycle", jobs: [1, 3, 2] }]);
  });

  it("names every knot once, also when thousands of jobs hang behind it", () => {
    const behind = Array.from({ length: 5_000 }, (_, i) =>
      node(`x${i}`, i === 0 ? "a" : `x${i - 1}`),
    );
    const { problems } = buildGraph([
      node("a", "b"),
      node("b", "a"),
      node("c", "d"),
      node("d", "c"),
      ...behind,
    ]);
    expect(problems).toEqual([
      { kind: "cycle", jobs: [0, 1] },
      { kind: "cycle", jobs: [2, 3] },
    ]);
  });

  it("agrees with the definition of an order on any acyclic graph", () => {
    fc.assert(
      fc.property(acyclic(), (nodes) => {
        const { graph, problems } = buildGraph(nodes);
        const order = [...topologicalOrder(graph)];
        const placeOf = new Map(order.map((job, place) => [job, place]));
        expect(problems).toEqual([]);
        expect(order.toSorted((a, b) => a - b)).toEqual(nodes.map((_, index) => index));
        nodes.forEach(({ needs }, job) => {
          for (const need of needs) {
            const index = nodes.findIndex(({ name }) => name === need);
            expect(placeOf.get(index)).toBeLessThan(placeOf.get(job) ?? -1);
          }
        });
      }),
      { numRuns: 300 },
    );
  });

  it("names a cycle exactly when there is one, and each step of it is a need", () => {
    fc.assert(
      fc.property(anyGraph(), (nodes) => {
        const { graph, problems } = buildGraph(nodes);
        const cycles = problems.filter((problem) => problem.kind === "cycle");
        expect(cycles.length > 0).toBe(topologicalOrder(graph).length < nodes.length);
        for (const { jobs } of cycles) {
          expect(new Set(jobs).size).toBe(jobs.length);
          jobs.forEach((job, at) => {
            const next = jobs[(at + 1) % jobs.length] ?? -1;
            expect(nodes[job]?.needs).toContain(nodes[next]?.name);
          });
        }
      }),
      { numRuns: 500 },
    );
  });

  it("takes chains, stars and layers of 10⁵ jobs without recursion", () => {
    const size = 100_000;
    const chain = Array.from({ length: size }, (_, i) =>
      node(`j${i}`, ...(i > 0 ? [`j${i - 1}`] : [])),
    );
    const star = Array.from({ length: size }, (_, i) => node(`j${i}`, ...(i > 0 ? ["j0"] : [])));
    for (const nodes of [chain, star]) {
      const { graph, problems } = buildGraph(nodes);
      expect(problems).toEqual([]);
      expect(topologicalOrder(graph).length).toBe(size);
    }
    const ring = chain.with(0, node("j0", `j${size - 1}`));
    const [problem] = buildGraph(ring).problems;
    expect(problem?.kind === "cycle" && problem.jobs.length).toBe(size);
  });
});

function acyclic(): fc.Arbitrary<GraphNode[]> {
  return fc
    .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 30 })
    .map((jobs) =>
      jobs.map((needs, index) => {
        const earlier = new Set(index === 0 ? [] : needs.map((need) => `j${need % index}`));
        return node(`j${index}`, ...earlier);
      }),
    )
    .chain((nodes) => fc.shuffledSubarray(nodes, { minLength: nodes.length }));
}

function anyGraph(): fc.Arbitrary<GraphNode[]> {
  return fc
    .array(fc.array(fc.nat(), { maxLength: 3 }), { minLength: 1, maxLength: 12 })
    .map((jobs) =>
      jobs.map((needs, index) => {
        const others = new Set(needs.map((need) => need % jobs.length));
        others.delete(index);
        return node(`j${index}`, ...[...others].map((need) => `j${need}`));
      }),
    );
}
