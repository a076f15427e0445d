/**
 * The rules of a sound pipeline, whoever made it: the builder, the YAML reader, the wire. Finds all
 * problems, not the first. Pure, O(V + E), no recursion.
 */
import { limits } from "../kernel/index.ts";
import { buildGraph } from "./build-graph.ts";
import { durationText } from "./duration.ts";
import type { JobDefinition, PipelineDefinition, Template } from "./pipeline-definition.ts";
import { type PipelineProblem, ProblemList, type ProblemPath } from "./problem.ts";
import { checkConcurrency, type GroupContext } from "./rules/concurrency-rules.ts";
import { checkGraph } from "./rules/graph-rules.ts";
import { checkJob } from "./rules/job-rules.ts";
import { badName, isName } from "./rules/names.ts";
import { isWithin, type NumberRule, outOfBounds } from "./rules/numbers.ts";
import { checkParameters } from "./rules/parameter-rules.ts";
import {
  addMisreadings,
  type JobReferenceContext,
  jobMisreadings,
  namesJobs,
  outerMisreadings,
} from "./rules/reference-rules.ts";

/** Empty = sound. */
export function checkDefinition(definition: PipelineDefinition): readonly PipelineProblem[] {
  const problems = new ProblemList();
  collectProblems(definition, problems);
  return problems.all;
}

/** Adds to what a reader has found already. What takes all jobs to be judged comes last. */
export function collectProblems(definition: PipelineDefinition, problems: ProblemList): void {
  const { jobs } = definition;
  if (!isName("pipeline", definition.name)) {
    problems.add(badName("pipeline", definition.name, ["name"]));
  }
  checkParameters(definition.parameters, problems);
  checkRunBounds(definition, problems);
  if (!checkJobCount(definition, problems)) return;
  const readersOfJobs = checkEachJob(definition, problems);
  const report = buildGraph(jobs);
  checkGraph(report, jobs, problems);
  const context = { jobs, graph: report.graph };
  for (const index of readersOfJobs) checkJobReferences(index, context, problems);
  checkOutputs(definition, context, problems);
}

/** Returns the positions of those that read other jobs. */
function checkEachJob(
  { jobs, parameters: declared, concurrency }: PipelineDefinition,
  problems: ProblemList,
): readonly number[] {
  const parameters = new Set(declared.map(({ name }) => name));
  const context = { parameters, problems };
  if (concurrency !== undefined) {
    checkConcurrency(concurrency, ["concurrency", "group"], context);
  }
  const readersOfJobs: number[] = [];
  jobs.forEach((job, index) => {
    checkJob(job, index, problems);
    if (job.concurrency !== undefined) {
      checkConcurrency(job.concurrency, ["jobs", index, "concurrency", "group"], context);
    }
    if (checkOuterReferences(job, index, context)) readersOfJobs.push(index);
  });
  return readersOfJobs;
}

/** True = there are references to jobs too. */
function checkOuterReferences(
  job: JobDefinition,
  index: number,
  { parameters, problems }: GroupContext,
): boolean {
  let readsJobs = false;
  const { env } = job;
  for (const { template, path, isCacheKey } of rareTemplates(job)) {
    const found = outerMisreadings(template, job, parameters, isCacheKey);
    addMisreadings(found, ["jobs", index, ...path], problems);
    readsJobs ||= namesJobs(template);
  }
  for (const variable in env) {
    const template = env[variable] ?? [];
    const found = outerMisreadings(template, job, parameters);
    if (found.length > 0) addMisreadings(found, ["jobs", index, "env", variable], problems);
    readsJobs ||= namesJobs(template);
  }
  return readsJobs;
}

interface PlacedTemplate {
  readonly template: Template;
  /** Within the job. */
  readonly path: ProblemPath;
  readonly isCacheKey: boolean;
}

const noTemplates: readonly PlacedTemplate[] = [];

/** All but its variables. Most jobs have none. */
function rareTemplates({ stdin, checkout, caches }: JobDefinition): readonly PlacedTemplate[] {
  if (stdin === undefined && checkout === undefined && caches === undefined) return noTemplates;
  return [
    ...placed(stdin, ["stdin"]),
    ...placed(checkout?.repository, ["checkout", "repository"]),
    ...placed(checkout?.ref, ["checkout", "ref"]),
    ...(caches ?? []).flatMap(({ key, restoreKeys }, index) => [
      ...placed(key, ["caches", index, "key"], true),
      ...restoreKeys.flatMap((each, at) =>
        placed(each, ["caches", index, "restoreKeys", at], true),
      ),
    ]),
  ];
}

function placed(
  template: Template | undefined,
  path: ProblemPath,
  isCacheKey = false,
): readonly PlacedTemplate[] {
  return template === undefined ? noTemplates : [{ template, path, isCacheKey }];
}

function checkJobReferences(
  index: number,
  context: JobReferenceContext,
  problems: ProblemList,
): void {
  const job = context.jobs[index];
  if (job === undefined) return;
  for (const { template, path } of rareTemplates(job)) {
    addMisreadings(jobMisreadings(template, job, context), ["jobs", index, ...path], problems);
  }
  for (const [variable, template] of Object.entries(job.env)) {
    const found = jobMisreadings(template, job, context);
    addMisreadings(found, ["jobs", index, "env", variable], problems);
  }
}

function checkOutputs(
  definition: PipelineDefinition,
  context: JobReferenceContext,
  problems: ProblemList,
): void {
  const parameters = new Set(definition.parameters.map(({ name }) => name));
  for (const [name, template] of Object.entries(definition.outputs)) {
    const path = ["outputs", name];
    if (!isName("output", name)) problems.add(badName("output", name, path));
    addMisreadings(outerMisreadings(template, undefined, parameters), path, problems);
    addMisreadings(jobMisreadings(template, undefined, context), path, problems);
  }
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
