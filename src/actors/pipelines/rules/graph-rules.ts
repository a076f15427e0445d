/** Needs: they exist, they lead in no circle, and ordinary and finally jobs stay apart. */
import type { GraphProblem, GraphReport } from "../build-graph.ts";
import { type JobGraph, neighbours } from "../graph.ts";
import type { JobDefinition } from "../pipeline-definition.ts";
import { type PipelineProblem, type ProblemList, quoted, someOf } from "../problem.ts";

/** More steps of a cycle than this are left out in the middle of its picture. */
const cycleShownMax = 30;

export function checkGraph(
  { graph, problems: found }: GraphReport,
  jobs: readonly JobDefinition[],
  problems: ProblemList,
): void {
  for (const problem of found) problems.add(describe(problem, jobs, graph));
  if (jobs.some((job) => job.finally)) checkPhases(jobs, graph, problems);
}

function describe(
  problem: GraphProblem,
  jobs: readonly JobDefinition[],
  graph: JobGraph,
): PipelineProblem {
  if (problem.kind === "cycle") return describeCycle(problem.jobs, jobs);
  const name = jobs[problem.job]?.name ?? "";
  if (problem.kind === "duplicate-job") {
    return {
      code: "duplicate",
      path: ["jobs", problem.job, "name"],
      message: `two jobs are named ${quoted(name)}`,
      expected: "a name of its own for every job",
      received: `${quoted(name)} again`,
      advice: "rename one of them",
    };
  }
  const need = jobs[problem.job]?.needs[problem.at] ?? "";
  const path = ["jobs", problem.job, "needs", problem.at];
  const expected = "names of other jobs of this pipeline, each once";
  const received = quoted(need);
  switch (problem.kind) {
    case "unknown-need":
      return {
        code: "unknown-need",
        path,
        message: `job ${quoted(name)} needs ${quoted(need)}, but there is no such job`,
        expected,
        received,
        advice:
          problem.suggestion === undefined
            ? `choose one of ${someOf(graph.indexByName.keys())}, or remove it`
            : `did you mean ${quoted(problem.suggestion)}?`,
      };
    case "self-need":
      return {
        code: "bad-need",
        path,
        message: `job ${quoted(name)} needs itself`,
        expected,
        received,
        advice: "remove it from its own needs",
      };
    case "repeated-need":
      return {
        code: "bad-need",
        path,
        message: `job ${quoted(name)} needs ${quoted(need)} twice`,
        expected,
        received: `${quoted(need)} again`,
        advice: "remove one of them",
      };
  }
}

function describeCycle(cycle: readonly number[], jobs: readonly JobDefinition[]): PipelineProblem {
  const names = cycle.map((index) => jobs[index]?.name ?? "");
  const [first = "", second = first] = names;
  const steps =
    names.length <= cycleShownMax
      ? names
      : [
          ...names.slice(0, cycleShownMax - 1),
          `… ${names.length - cycleShownMax} more …`,
          names.at(-1) ?? "",
        ];
  const picture = [...steps, first].join(" → ");
  const job = cycle[0] ?? 0;
  return {
    code: "cycle",
    path: ["jobs", job, "needs", jobs[job]?.needs.indexOf(second) ?? 0],
    message: `these jobs wait for each other for ever: ${picture}`,
    expected: "needs that never lead back to the same job",
    received: `${picture} (each needs the next)`,
    advice: `remove one of these needs, for example ${quoted(second)} from the needs of ${quoted(first)}`,
  };
}

function checkPhases(jobs: readonly JobDefinition[], graph: JobGraph, problems: ProblemList): void {
  jobs.forEach((job, index) => {
    for (const need of neighbours(graph.needs, index)) {
      if (jobs[need]?.finally !== job.finally) problems.add(mixedPhases(jobs, index, need));
    }
  });
}

function mixedPhases(
  jobs: readonly JobDefinition[],
  index: number,
  needIndex: number,
): PipelineProblem {
  const { name = "", needs = [], finally: isFinally = false } = jobs[index] ?? {};
  const need = jobs[needIndex]?.name ?? "";
  return {
    code: "bad-need",
    path: ["jobs", index, "needs", needs.indexOf(need)],
    message: isFinally
      ? `the finally job ${quoted(name)} needs ${quoted(need)}, which is an ordinary job`
      : `job ${quoted(name)} needs ${quoted(need)}, which is a finally job`,
    expected: isFinally ? "needs of a finally job: other finally jobs" : "an ordinary job",
    received: quoted(need),
    advice: isFinally
      ? "remove it: a finally job starts after all ordinary jobs, and may read their outputs and conclusions"
      : `remove it, or make ${quoted(name)} a finally job too`,
  };
}
