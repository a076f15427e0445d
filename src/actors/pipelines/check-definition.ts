/**
 * The rules of a sound pipeline, whoever made it: the builder, the YAML reader, the wire. Finds all
 * problems, not the first. Pure, O(V + E), no recursion.
 */
import { limits } from "../kernel/index.ts";
import { durationText } from "./duration.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";
import { type PipelineProblem, ProblemList } from "./problem.ts";
import { checkGraph } from "./rules/graph-rules.ts";
import { checkJob } from "./rules/job-rules.ts";
import { checkName } from "./rules/names.ts";
import { checkNumber } from "./rules/numbers.ts";
import { checkParameters } from "./rules/parameter-rules.ts";
import { checkTemplate, type ReferenceContext } from "./rules/reference-rules.ts";

/** Empty = sound. */
export function checkDefinition(definition: PipelineDefinition): readonly PipelineProblem[] {
  const problems = new ProblemList();
  collectProblems(definition, problems);
  return problems.all;
}

/** Adds to what a reader has found already. */
export function collectProblems(definition: PipelineDefinition, problems: ProblemList): void {
  const { jobs, parameters } = definition;
  checkName("pipeline", definition.name, ["name"], problems);
  checkParameters(parameters, problems);
  checkRunBounds(definition, problems);
  if (!checkJobCount(definition, problems)) return;
  jobs.forEach((job, index) => checkJob(job, index, problems));
  const graph = checkGraph(jobs, problems);
  const names = new Set(parameters.map(({ name }) => name));
  const context: ReferenceContext = { definition, graph, parameters: names, problems };
  jobs.forEach((job, index) => {
    for (const [variable, template] of Object.entries(job.env)) {
      checkTemplate(template, ["jobs", index, "env", variable], job, context);
    }
  });
  for (const [name, template] of Object.entries(definition.outputs)) {
    checkName("output", name, ["outputs", name], problems);
    checkTemplate(template, ["outputs", name], undefined, context);
  }
}

function checkRunBounds(
  { timeoutMs, parallelMax }: PipelineDefinition,
  problems: ProblemList,
): void {
  if (timeoutMs !== undefined) {
    const max = limits.pipelineTimeoutMsMax;
    checkNumber(
      timeoutMs,
      { path: ["timeoutMs"], what: "the timeout", min: 1, max, whole: true, show: durationText },
      problems,
    );
  }
  if (parallelMax !== undefined) {
    const max = limits.pipelineJobsMax;
    checkNumber(
      parallelMax,
      { path: ["parallelMax"], what: "the number of parallel jobs", min: 1, max, whole: true },
      problems,
    );
  }
}

/** False = looking at the jobs one by one makes no sense. */
function checkJobCount({ jobs }: PipelineDefinition, problems: ProblemList): boolean {
  if (jobs.length > limits.pipelineJobsMax) {
    problems.add({
      code: "too-large",
      path: ["jobs"],
      message: "there are too many jobs",
      expected: `at most ${limits.pipelineJobsMax}`,
      received: `${jobs.length}`,
      advice: "split the pipeline into several runs",
    });
    return false;
  }
  if (jobs.some((job) => !job.finally)) return true;
  problems.add({
    code: "missing-key",
    path: ["jobs"],
    message: "the pipeline has no job that runs before the finally jobs",
    expected: "at least one ordinary job",
    received: jobs.length === 0 ? "no jobs" : "finally jobs only",
    advice: "add a job under jobs, without finally: true",
  });
  return true;
}
