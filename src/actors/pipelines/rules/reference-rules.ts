/** Holes of templates: what they name exists, and is known by the time it is read. */
import type { JobGraph } from "../graph.ts";
import type {
  Expression,
  JobDefinition,
  PipelineDefinition,
  Template,
} from "../pipeline-definition.ts";
import { type ProblemList, type ProblemPath, quoted, someOf } from "../problem.ts";
import { closestName } from "../suggestion.ts";
import { expressionText } from "../template.ts";

export interface ReferenceContext {
  readonly definition: PipelineDefinition;
  readonly graph: JobGraph;
  readonly parameters: ReadonlySet<string>;
  readonly problems: ProblemList;
}

/** Whose template it is, and where it stands. */
export interface TemplatePlace {
  readonly path: ProblemPath;
  /** undefined = an output of the run, read when all has ended. */
  readonly reader: JobDefinition | undefined;
}

export function checkTemplate(
  template: Template,
  place: TemplatePlace,
  context: ReferenceContext,
): void {
  template.forEach((part, position) => {
    if (typeof part === "string") return;
    checkExpression(part, { ...place, path: [...place.path, position] }, context);
  });
}

function checkExpression(
  expression: Expression,
  place: TemplatePlace,
  context: ReferenceContext,
): void {
  if (expression.ref === "parameter") checkParameter(expression.name, place.path, context);
  else if (expression.ref === "run") checkRunField(expression, place, context);
  else checkJobReference(expression, place, context);
}

function checkParameter(name: string, path: ProblemPath, context: ReferenceContext): void {
  if (context.parameters.has(name)) return;
  const suggestion = closestName(name, context.parameters);
  context.problems.add({
    code: "unknown-reference",
    path,
    message: `there is no parameter ${quoted(name)}`,
    expected:
      context.parameters.size === 0
        ? "no parameter: the pipeline has none"
        : `one of the parameters: ${someOf(context.parameters)}`,
    received: `parameters.${name}`,
    advice:
      suggestion === undefined
        ? "declare it under parameters"
        : `did you mean parameters.${suggestion}?`,
  });
}

function checkRunField(
  expression: Extract<Expression, { ref: "run" }>,
  { path, reader }: TemplatePlace,
  context: ReferenceContext,
): void {
  if (expression.field !== "conclusion" || reader === undefined || reader.finally) return;
  context.problems.add({
    code: "out-of-reach",
    path,
    message: `job ${quoted(reader.name)} reads run.conclusion, which is known only after all ordinary jobs`,
    expected: "run.conclusion in finally jobs and in the outputs of the run",
    received: `run.conclusion in the ordinary job ${quoted(reader.name)}`,
    advice: `make ${quoted(reader.name)} a finally job, or read needs.<job>.conclusion`,
  });
}

function checkJobReference(
  expression: Extract<Expression, { ref: "output" | "conclusion" }>,
  { path, reader }: TemplatePlace,
  context: ReferenceContext,
): void {
  const { definition, graph, problems } = context;
  const received = expressionText(expression);
  const job = definition.jobs[graph.indexByName.get(expression.job) ?? -1];
  if (job === undefined) {
    const suggestion = closestName(expression.job, graph.indexByName.keys());
    problems.add({
      code: "unknown-reference",
      path,
      message: `there is no job ${quoted(expression.job)}`,
      expected: "the name of a job of this pipeline",
      received,
      advice:
        suggestion === undefined
          ? `choose one of ${someOf(graph.indexByName.keys())}`
          : `did you mean ${quoted(suggestion)}?`,
    });
    return;
  }
  if (reader !== undefined && !isInReach(job, reader)) {
    problems.add({
      code: "out-of-reach",
      path,
      message: `job ${quoted(reader.name)} reads ${received}, but does not need ${quoted(job.name)}`,
      expected: reader.finally
        ? "an ordinary job, or a finally job that it needs"
        : "a job that it needs itself",
      received,
      advice:
        job === reader
          ? "a job cannot read itself: use a shell variable"
          : `add ${quoted(job.name)} to the needs of ${quoted(reader.name)}`,
    });
    return;
  }
  if (expression.ref === "output") checkOutput(expression.name, job, { path, received, problems });
}

function isInReach(job: JobDefinition, reader: JobDefinition): boolean {
  return (reader.finally && !job.finally) || reader.needs.includes(job.name);
}

function checkOutput(
  name: string,
  job: JobDefinition,
  at: { readonly path: ProblemPath; readonly received: string; readonly problems: ProblemList },
): void {
  if (job.outputs.includes(name)) return;
  const suggestion = closestName(name, job.outputs);
  at.problems.add({
    code: "unknown-reference",
    path: at.path,
    message: `job ${quoted(job.name)} has no output ${quoted(name)}`,
    expected:
      job.outputs.length === 0
        ? "no output: the job has none"
        : `one of its outputs: ${someOf(job.outputs)}`,
    received: at.received,
    advice:
      suggestion === undefined
        ? `add ${quoted(name)} to the outputs of ${quoted(job.name)}`
        : `did you mean ${quoted(suggestion)}?`,
  });
}
