/**
 * What a run looks up all the time, worked out once per definition: who needs whom, and in which
 * order jobs are taken when there is a choice. Derived data: never stored, made again after a recovery.
 */
import { buildGraph } from "./build-graph.ts";
import { type JobGraph, topologicalOrder } from "./graph.ts";
import type { JobDefinition, PipelineDefinition } from "./pipeline-definition.ts";

export interface RunPlan {
  readonly graph: JobGraph;
  readonly ordinaryJobs: number;
  readonly finallyJobs: number;
  /** Position of a job → its rank: higher priority first, then what stands earlier in the graph. */
  readonly rankOf: Int32Array;
  readonly jobAtRank: Int32Array;
}

const plans = new WeakMap<PipelineDefinition, RunPlan>();

/** O(V log V + E) for a definition not seen before, O(1) after that. */
export function planOf(definition: PipelineDefinition): RunPlan {
  let plan = plans.get(definition);
  if (plan === undefined) {
    plan = makePlan(definition);
    plans.set(definition, plan);
  }
  return plan;
}

function makePlan({ jobs }: PipelineDefinition): RunPlan {
  const { graph } = buildGraph(jobs);
  const priorityOf = (job: number): number => jobs[job]?.priority ?? 0;
  const jobAtRank = topologicalOrder(graph).slice();
  // Stable: jobs of one priority stay in graph order.
  jobAtRank.sort((a, b) => priorityOf(b) - priorityOf(a));
  const rankOf = new Int32Array(jobs.length);
  jobAtRank.forEach((job, rank) => {
    rankOf[job] = rank;
  });
  const finallyJobs = jobs.reduce((count, job) => count + (job.finally ? 1 : 0), 0);
  return { graph, ordinaryJobs: jobs.length - finallyJobs, finallyJobs, rankOf, jobAtRank };
}

/** The definition of the job at this position, which must exist. */
export function jobDefinitionAt(definition: PipelineDefinition, job: number): JobDefinition {
  const found = definition.jobs[job];
  if (found === undefined) throw new RangeError(`"${definition.name}" has no job ${job}`);
  return found;
}

/** The definition of the job of this name, which must exist. */
export function jobDefinitionNamed(definition: PipelineDefinition, name: string): JobDefinition {
  const job = planOf(definition).graph.indexByName.get(name);
  return jobDefinitionAt(definition, job ?? -1);
}
