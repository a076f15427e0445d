/**
 * Pipelines in TypeScript. The callback runs once, at definition; what it leaves behind is plain
 * data (`pipeline.definition`), checked by the same rules as a YAML file. Jobs are values, so that a
 * misspelt or later job in `needs` does not compile, and neither does an output that no job has.
 */
import { concurrencyOf, JobBuilder, variable, variables } from "./build-job.ts";
import { checkDefinition } from "./check-definition.ts";
import { definitionDefaults as defaults } from "./definition-defaults.ts";
import type {
  OutputMap,
  ParameterMap,
  ParameterOptions,
  Pipeline,
  PipelineBuilder,
  PipelineOptions,
} from "./pipeline-builder.ts";
import type { ParameterDefinition, PipelineDefinition } from "./pipeline-definition.ts";
import { invalidPipeline } from "./problem-report.ts";
import { expressionOf, secretNamed } from "./sh.ts";

/** Survives two copies of this package in one process. */
const brand = Symbol.for("troupe.pipeline");

/**
 * Defines a pipeline. Throws `TROUPE_PIPELINE_INVALID` with all its problems.
 *
 *   const build = definePipeline("build", (pipeline) => {
 *     const checkout = pipeline.job("checkout", { run: "./checkout", outputs: ["sha"] });
 *     pipeline.job("test", { needs: [checkout], run: sh`./test ${checkout.outputs.sha}` });
 *   });
 */
export function definePipeline<O extends OutputMap = Record<never, never>>(
  name: string,
  define: (pipeline: PipelineBuilder<Record<never, never>>) => O | void,
): Pipeline<Record<never, never>, O>;
export function definePipeline<
  const P extends ParameterMap = Record<never, never>,
  O extends OutputMap = Record<never, never>,
>(
  name: string,
  options: PipelineOptions<P>,
  define: (pipeline: PipelineBuilder<P>) => O | void,
): Pipeline<P, O>;
export function definePipeline(name: string, ...rest: DefineArgs): Pipeline {
  const [options, define] = rest.length === 1 ? [{}, rest[0]] : rest;
  const parameters = options.parameters ?? {};
  const jobs = new JobBuilder(variables(options.env ?? {}));
  const outputs = define(builderOf(parameters, jobs)) ?? {};
  if (outputs instanceof Promise) {
    throw new TypeError(
      `the callback of pipeline "${name}" is async; a pipeline is defined at once, so do not await in it`,
    );
  }
  const definition: PipelineDefinition = {
    name,
    parameters: Object.entries(parameters).map(([key, each]) => parameterDefinition(key, each)),
    jobs: jobs.definitions,
    outputs: Object.fromEntries(
      Object.entries(outputs).map(([key, value]) => [key, variable(value)]),
    ),
    failFast: options.failFast ?? defaults.failFast,
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.parallelMax === undefined ? {} : { parallelMax: options.parallelMax }),
    ...(options.concurrency === undefined
      ? {}
      : { concurrency: concurrencyOf(options.concurrency) }),
  };
  const problems = [...jobs.problems, ...checkDefinition(definition)];
  if (problems.length > 0) throw invalidPipeline(`"${name}"`, problems);
  return Object.freeze({ name, definition: frozen(definition), [brand]: true });
}

type Define = (pipeline: PipelineBuilder<ParameterMap>) => OutputMap | void;

type DefineArgs =
  | readonly [define: Define]
  | readonly [options: PipelineOptions<ParameterMap>, define: Define];

/** Is this a pipeline made by `definePipeline`? */
export function isPipeline(value: unknown): value is Pipeline {
  return typeof value === "object" && value !== null && brand in value;
}

function builderOf(parameters: ParameterMap, jobs: JobBuilder): PipelineBuilder<ParameterMap> {
  return {
    parameters: Object.fromEntries(
      Object.keys(parameters).map((name) => [name, expressionOf({ ref: "parameter", name })]),
    ),
    run: {
      id: expressionOf({ ref: "run", field: "id" }),
      pipeline: expressionOf({ ref: "run", field: "pipeline" }),
      conclusion: expressionOf({ ref: "run", field: "conclusion" }),
    },
    agent: {
      os: expressionOf({ ref: "agent", field: "os" }),
      arch: expressionOf({ ref: "agent", field: "arch" }),
    },
    job: (name, options) => jobs.add(name, options),
    secret: secretNamed,
  };
}

function parameterDefinition(name: string, options: ParameterOptions): ParameterDefinition {
  const required = options.default === undefined && (options.required ?? true);
  return { ...options, name, required };
}

/** A definition is shared by all its runs. */
function frozen<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) frozen(each);
  }
  return value;
}
