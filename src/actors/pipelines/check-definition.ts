/**
 * The rules of a sound pipeline, whoever made it: the builder, the YAML reader, the wire. Finds all
 * problems, not the first. Pure, O(V + E), no recursion.
 */
import { limits } from "../kernel/index.ts";
import { durationText } from "./duration.ts";
import type { PipelineDefinition, Template } from "./pipeline-definition.ts";
import { type PipelineProblem, ProblemList } from "./problem.ts";
import { checkConcurrency } from "./rules/concurrency-rules.ts";
import { checkGraph } from "./rules/graph-rules.ts";
import { checkJob } from "./rules/job-rules.ts";
import { badName, isName } from "./rules/names.ts";
import { isWithin, type NumberRule, outOfBounds } from "./rules/numbers.ts";
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
  if (!isName("pipeline", definition.name)) {
    problems.add(badName("pipeline", definition.name, ["name"]));
  }
  checkParameters(parameters, problems);
  checkRunBounds(definition, problems);
  if (!checkJobCount(definition, problems)) return;
  jobs.forEach((job, index) => checkJob(job, index, problems));
  const graph = checkGraph(jobs, problems);
  const names = new Set(parameters.map(({ name }) => name));
  const context: ReferenceContext = { definition, graph, parameters: names, problems };
  jobs.forEach((job, index) => {
    if (job.stdin !== undefined) {
      checkTemplate(job.stdin, { path: ["jobs", index, "stdin"], reader: job }, context);
    }
    for (const [variable, template] of Object.entries(job.env)) {
      if (isFixed(template)) continue;
      checkTemplate(template, { path: ["jobs", index, "env", variable], reader: job }, context);
    }
  });
  checkConcurrency(context);
  for (const [name, template] of Object.entries(definition.outputs)) {
    const path = ["outputs", name];
    if (!isName("output", name)) problems.add(badName("output", name, path));
    checkTemplate(template, { path, reader: undefined }, context);
  }
}

function isFixed(template: Template): boolean {
  return template.every((part) => typeof part === "string");
}

const timeout: NumberRule = {
  what: "the timeout",
  min: 1,
  max: limits.pipelineTimeoutMsMax,
  whole: true,
  show: durationText,
};

const parallel: NumberRule = {
  what: "the number of parallel jobs",
  min: 1,
  max: limits.pipelineJobsMax,
  whole: true,
};

function checkRunBounds(definition: PipelineDefinition, problems: ProblemList): void {
  const { timeoutMs, parallelMax } = definition;
  if (!isWithin(timeoutMs, timeout)) problems.add(outOfBounds(timeoutMs, timeout, ["timeoutMs"]));
  if (!isWithin(parallelMax, parallel)) {
    problems.add(outOfBounds(parallelMax, parallel, ["parallelMax"]));
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
