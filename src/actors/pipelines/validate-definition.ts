/** A definition that arrives as JSON: first its shape, then the same rules as for every other. */
import { checkDefinition } from "./check-definition.ts";
import {
  listOf,
  mapOf,
  number,
  object,
  oneOf,
  type Shape,
  text,
  textOr,
  truth,
  variant,
} from "./json-shape.ts";
import type { PipelineDefinition } from "./pipeline-definition.ts";
import { type PipelineProblem, ProblemList } from "./problem.ts";

export type ValidationResult =
  | { readonly ok: true; readonly definition: PipelineDefinition }
  | { readonly ok: false; readonly problems: readonly PipelineProblem[] };

const expression = variant("ref", {
  parameter: object({ required: { ref: text, name: text } }),
  output: object({ required: { ref: text, job: text, name: text } }),
  conclusion: object({ required: { ref: text, job: text } }),
  run: object({ required: { ref: text, field: oneOf("id", "pipeline", "conclusion") } }),
  agent: object({ required: { ref: text, field: oneOf("os", "arch") } }),
  "hash-files": object({ required: { ref: text, patterns: listOf(text) } }),
});

const template = listOf(textOr(expression));

const parameter = variant("type", {
  string: parameterOf({ default: text }),
  number: parameterOf({ default: number }),
  boolean: parameterOf({ default: truth }),
  choice: parameterOf({ default: text }, { of: listOf(text) }),
});

function parameterOf(
  optional: Readonly<Record<string, Shape>>,
  required: Readonly<Record<string, Shape>> = {},
): Shape {
  return object({
    required: { name: text, type: text, required: truth, ...required },
    optional: { description: text, ...optional },
  });
}

const concurrency = object({ required: { group: template, cancelInProgress: truth } });

const checkout = object({
  required: {
    repository: template,
    depth: number,
    submodules: oneOf("none", "direct", "recursive"),
  },
  optional: { ref: template, path: text, username: text, token: text },
});

const cache = object({
  required: { key: template, restoreKeys: listOf(template), paths: listOf(text) },
});

const job = object({
  required: {
    name: text,
    needs: listOf(text),
    finally: truth,
    shell: oneOf("sh", "bash", "python", "node"),
    script: text,
    env: mapOf(template),
    secrets: mapOf(text),
    outputs: listOf(text),
    labels: mapOf(text),
    killGraceMs: number,
    retry: object({
      required: { attemptsMax: number, initialDelayMs: number, factor: number, delayMaxMs: number },
    }),
    continueOnError: truth,
    priority: number,
  },
  optional: {
    timeoutMs: number,
    workingDirectory: text,
    checkout,
    caches: listOf(cache),
    artifacts: listOf(text),
    stdin: template,
    limits: object({
      required: {},
      optional: { memoryBytes: number, cpus: number, processes: number, logBytes: number },
    }),
    description: text,
    concurrency,
    onDisconnect: oneOf("kill", "continue"),
  },
});

const pipeline = object({
  required: {
    name: text,
    parameters: listOf(parameter),
    jobs: listOf(job),
    outputs: mapOf(template),
    failFast: truth,
  },
  optional: { timeoutMs: number, parallelMax: number, concurrency },
});

/** Takes anything; what it returns as a definition is one, in shape and in sense. */
export function validateDefinition(value: unknown): ValidationResult {
  const problems = new ProblemList();
  pipeline(value, [], problems);
  // The shape is exactly that of the type; rules on data of another shape would fail on their own.
  const found = problems.isEmpty ? checkDefinition(value as PipelineDefinition) : problems.all;
  return found.length === 0
    ? { ok: true, definition: value as PipelineDefinition }
    : { ok: false, problems: found };
}

/** The same for text, as it comes over the wire. */
export function parseDefinition(json: string): ValidationResult {
  try {
    return validateDefinition(JSON.parse(json));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const problem: PipelineProblem = {
      code: "syntax",
      path: [],
      message: "the pipeline is not JSON",
      expected: "a JSON object",
      received: error.message,
      advice: "send what JSON.stringify makes of a PipelineDefinition",
    };
    return { ok: false, problems: [problem] };
  }
}
