/** Holes of templates: what they name exists, and is known by the time it is read. */
import type { JobGraph } from "../graph.ts";
import type {
  AgentExpression,
  Expression,
  JobDefinition,
  Template,
} from "../pipeline-definition.ts";
import {
  type PipelineProblem,
  type ProblemList,
  type ProblemPath,
  quoted,
  someOf,
} from "../problem.ts";
import { closestName } from "../suggestion.ts";
import { expressionText, isOfAgent } from "../template.ts";

/** References to jobs can be judged once all jobs have been seen. */
export interface JobReferenceContext {
  readonly jobs: readonly JobDefinition[];
  readonly graph: JobGraph;
}

/** What is wrong with a hole. */
type Wrong = Omit<PipelineProblem, "path">;

interface Misreading {
  /** Which part of the template it is. */
  readonly at: number;
  readonly wrong: Wrong;
}

/** undefined = nobody: an output of the run is filled when all has ended. */
type Reader = JobDefinition | undefined;
type JobReference = Extract<Expression, { ref: "output" | "conclusion" }>;

const none: readonly Misreading[] = [];

/** Of parameters and facts of the run: what can be judged before all jobs have been seen. */
export function outerMisreadings(
  template: Template,
  reader: Reader,
  parameters: ReadonlySet<string>,
  isCacheKey = false,
): readonly Misreading[] {
  let found = none;
  for (let at = 0; at < template.length; at++) {
    const part = template[at];
    if (part === undefined || typeof part === "string") continue;
    let wrong: Wrong | undefined;
    if (part.ref === "parameter") wrong = misreadParameter(part.name, parameters);
    else if (part.ref === "run") wrong = misreadRun(part.field, reader);
    else if (isOfAgent(part) && !isCacheKey) wrong = misreadAgent(part);
    if (wrong !== undefined) found = [...found, { at, wrong }];
  }
  return found;
}

/** Of other jobs. */
export function jobMisreadings(
  template: Template,
  reader: Reader,
  context: JobReferenceContext,
): readonly Misreading[] {
  return template.flatMap((part, at) => {
    if (!isJobReference(part)) return [];
    const wrong = misreadJob(part, reader, context);
    return wrong === undefined ? [] : [{ at, wrong }];
  });
}

export function namesJobs(template: Template): boolean {
  for (let position = 0; position < template.length; position++) {
    if (isJobReference(template[position])) return true;
  }
  return false;
}

function isJobReference(part: Template[number] | undefined): part is JobReference {
  return typeof part === "object" && (part.ref === "output" || part.ref === "conclusion");
}

export function addMisreadings(
  found: readonly Misreading[],
  path: ProblemPath,
  problems: ProblemList,
): void {
  for (const { at, wrong } of found) problems.add({ ...wrong, path: [...path, at] });
}

function misreadParameter(name: string, known: ReadonlySet<string>): Wrong | undefined {
  if (known.has(name)) return undefined;
  const suggestion = closestName(name, known);
  return {
    code: "unknown-reference",
    message: `there is no parameter ${quoted(name)}`,
    expected:
      known.size === 0
        ? "no parameter: the pipeline has none"
        : `one of the parameters: ${someOf(known)}`,
    received: `parameters.${name}`,
    advice:
      suggestion === undefined
        ? "declare it under parameters"
        : `did you mean parameters.${suggestion}?`,
  };
}

function misreadAgent(expression: AgentExpression): Wrong {
  return {
    code: "out-of-reach",
    message: `${expressionText(expression)} is known only to the agent that runs the job`,
    expected: "a place in the key or the restore-keys of a cache",
    received: expressionText(expression),
    advice: "let the script find it out: with uname, or sha256sum",
  };
}

function misreadRun(field: string, reader: Reader): Wrong | undefined {
  if (field !== "conclusion" || reader === undefined || reader.finally) return undefined;
  return {
    code: "out-of-reach",
    message: `job ${quoted(reader.name)} reads run.conclusion, which is known only after all ordinary jobs`,
    expected: "run.conclusion in finally jobs and in the outputs of the run",
    received: `run.conclusion in the ordinary job ${quoted(reader.name)}`,
    advice: `make ${quoted(reader.name)} a finally job, or read needs.<job>.conclusion`,
  };
}

function misreadJob(
  reference: JobReference,
  reader: Reader,
  { jobs, graph }: JobReferenceContext,
): Wrong | undefined {
  const received = expressionText(reference);
  const job = jobs[graph.indexByName.get(reference.job) ?? -1];
  if (job === undefined) {
    const suggestion = closestName(reference.job, graph.indexByName.keys());
    return {
      code: "unknown-reference",
      message: `there is no job ${quoted(reference.job)}`,
      expected: "the name of a job of this pipeline",
      received,
      advice:
        suggestion === undefined
          ? `choose one of ${someOf(graph.indexByName.keys())}`
          : `did you mean ${quoted(suggestion)}?`,
    };
  }
  if (reader !== undefined && !isInReach(job, reader)) {
    return {
      code: "out-of-reach",
      message: `job ${quoted(reader.name)} reads ${received}, but does not need ${quoted(job.name)}`,
      expected: reader.finally
        ? "an ordinary job, or a finally job that it needs"
        : "a job that it needs itself",
      received,
      advice:
        job === reader
          ? "a job cannot read itself: use a shell variable"
          : `add ${quoted(job.name)} to the needs of ${quoted(reader.name)}`,
    };
  }
  return reference.ref === "output" ? misreadOutput(reference.name, job, received) : undefined;
}

function isInReach(job: JobDefinition, reader: JobDefinition): boolean {
  return (reader.finally && !job.finally) || reader.needs.includes(job.name);
}

function misreadOutput(name: string, job: JobDefinition, received: string): Wrong | undefined {
  if (job.outputs.includes(name)) return undefined;
  const suggestion = closestName(name, job.outputs);
  return {
    code: "unknown-reference",
    message: `job ${quoted(job.name)} has no output ${quoted(name)}`,
    expected:
      job.outputs.length === 0
        ? "no output: the job has none"
        : `one of its outputs: ${someOf(job.outputs)}`,
    received,
    advice:
      suggestion === undefined
        ? `add ${quoted(name)} to the outputs of ${quoted(job.name)}`
        : `did you mean ${quoted(suggestion)}?`,
  };
}
