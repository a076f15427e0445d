/**
 * A pipeline from a YAML file, in the habits of GitHub Actions and GitLab. All problems of a file
 * are found at once, each with line, column, what was expected, what came and what to do.
 */
import { basename, extname } from "node:path";
import { isMap, isScalar } from "yaml";
import { collectProblems } from "../check-definition.ts";
import { definitionDefaults as defaults } from "../definition-defaults.ts";
import type { PipelineDefinition, Template } from "../pipeline-definition.ts";
import { type PipelineProblem, ProblemList } from "../problem.ts";
import { invalidPipeline } from "../problem-report.ts";
import { expressionText, isOfAgent } from "../template.ts";
import type { ValidationResult } from "../validate-definition.ts";
import { pipelineHints } from "./foreign-keys.ts";
import { type ParsedSource, parseSource } from "./parse-source.ts";
import { readConcurrency } from "./read-concurrency.ts";
import { duration, flag, number, optional, readEnv, readJob } from "./read-job.ts";
import { readParameters } from "./read-parameters.ts";
import { readTemplate } from "./read-template.ts";
import { SourceMap } from "./source-map.ts";
import { type Entry, type Fields, type Spot, TooManyNodes, YamlReader } from "./yaml-reader.ts";

const keys = [
  "name",
  "parameters",
  "env",
  "jobs",
  "outputs",
  "timeout",
  "parallel",
  "fail-fast",
  "concurrency",
] as const;

type PipelineFields = Fields<(typeof keys)[number]>;

export interface ReadOptions {
  /** For messages, and for the name of a pipeline that has none of its own. */
  readonly file: string;
}

/** Throws `TROUPE_PIPELINE_INVALID` with every problem, as data and as a report. */
export function readPipelineYaml(text: string, options: ReadOptions): PipelineDefinition {
  const result = checkPipelineYaml(text, options);
  if (result.ok) return result.definition;
  throw invalidPipeline(options.file, result.problems, { file: options.file, source: text });
}

/** The same, with the problems as a value. */
export function checkPipelineYaml(text: string, options: ReadOptions): ValidationResult {
  const parsed = parseSource(text);
  const problems = new ProblemList();
  for (const problem of parsed.problems) problems.add(problem);
  const definition = readRoot(parsed, options, problems);
  if (problems.isEmpty && definition !== undefined) return { ok: true, definition };
  return { ok: false, problems: inOrder(problems.all) };
}

function readRoot(
  parsed: ParsedSource,
  options: ReadOptions,
  problems: ProblemList,
): PipelineDefinition | undefined {
  const { root, source } = parsed;
  const start = { start: 0, end: 1 };
  if (root === undefined || (isScalar(root) && root.value === null)) {
    if (problems.isEmpty) problems.add(emptyFile(source.positionOf(start)));
    return undefined;
  }
  const origins = new SourceMap();
  const reader = new YamlReader(parsed, origins, problems);
  try {
    const definition = readDefinition(reader, reader.spot(root, [], start), options);
    if (definition === undefined) return undefined;
    const rules = new ProblemList();
    collectProblems(definition, rules);
    for (const problem of rules.all) problems.add(origins.place(problem, source));
    return definition;
  } catch (error) {
    if (!(error instanceof TooManyNodes)) throw error;
    problems.add(unfoldsTooFar(source.positionOf(start)));
    return undefined;
  }
}

function readDefinition(
  reader: YamlReader,
  root: Spot,
  options: ReadOptions,
): PipelineDefinition | undefined {
  const fields: PipelineFields | undefined = reader.fields(root, "a map with jobs:", {
    keys,
    hints: pipelineHints,
    hintFor: ({ value }) => (looksLikeJob(value) ? "put it under jobs:" : undefined),
  });
  if (fields === undefined) return undefined;
  if (fields.jobs === undefined) {
    return reader.fault(root, {
      code: "missing-key",
      message: "the file has no jobs",
      expected: "jobs: with at least one job",
      received: "a file without jobs:",
      advice: "add jobs:, below it a name, and below that run:",
    });
  }
  reader.note(["jobs"], fields.jobs.key);
  const parameters =
    fields.parameters === undefined ? [] : readParameters(reader, fields.parameters.value);
  const pipelineEnv = readPipelineEnv(reader, fields.env);
  const jobs = reader.entries(
    fields.jobs.value,
    "a map of jobs",
    "write the name of each job as a key, and below it run: with its commands",
  );
  // Whatever the rules said of a pipeline without jobs would only follow from this.
  if (jobs === undefined) return undefined;
  return {
    name: readName(reader, fields.name, options.file),
    parameters,
    jobs: jobs.map((entry, index) => readJob(reader, entry, { index, pipelineEnv })),
    outputs: readOutputs(reader, fields.outputs),
    failFast:
      fields["fail-fast"] === undefined ? defaults.failFast : flag(reader, fields["fail-fast"]),
    ...optional("timeoutMs", duration(reader, fields.timeout, ["timeoutMs"])),
    ...optional("parallelMax", number(reader, fields.parallel, ["parallelMax"])),
    ...optional("concurrency", readConcurrency(reader, fields.concurrency, ["concurrency"])),
  };
}

function looksLikeJob({ node }: Spot): boolean {
  return isMap(node) && ["run", "script", "stage", "steps"].some((key) => node.has(key));
}

function readName(reader: YamlReader, name: Entry | undefined, file: string): string {
  if (name !== undefined) {
    reader.note(["name"], name.value);
    return reader.plainText(name.value) ?? "pipeline";
  }
  const fromFile = basename(file, extname(file)).replace(/[^\p{L}\p{N} ._-]+/gu, "-");
  return fromFile.replace(/^[^\p{L}\p{N}]+/u, "") || "pipeline";
}

/** Every job has it, so it can hold only what every job may read. */
function readPipelineEnv(
  reader: YamlReader,
  env: Entry | undefined,
): Readonly<Record<string, Template>> {
  const read = readEnv(reader, env, ["env"]);
  for (const [name, template] of Object.entries(read)) {
    template.forEach((part, position) => {
      if (typeof part === "string" || part.ref === "parameter" || part.ref === "run") return;
      const origin = reader.origins.find(["env", name, position]);
      if (origin === undefined) return;
      reader.fault(origin, {
        code: "out-of-reach",
        message: "the env of the pipeline belongs to all jobs, so it cannot read one of them",
        expected: "parameters.<name>, run.id or run.pipeline",
        received: isOfAgent(part) ? expressionText(part) : `needs.${part.job}`,
        advice: isOfAgent(part)
          ? "read it in the key of a cache"
          : `move ${name} to the env of the jobs that need "${part.job}"`,
      });
    });
  }
  return Object.fromEntries(
    Object.entries(read).map(([name, template]) => [
      name,
      template.filter(
        (part) => typeof part === "string" || part.ref === "parameter" || part.ref === "run",
      ),
    ]),
  );
}

function readOutputs(reader: YamlReader, outputs: Entry | undefined): Record<string, Template> {
  if (outputs === undefined) return {};
  const what = "a map of names and values, such as url: ${{ needs.ship.outputs.url }}";
  const entries = reader.entries(outputs.value, what) ?? [];
  return Object.fromEntries(
    entries.map(({ name, key, value }) => {
      reader.note(["outputs", name], key);
      return [name, readTemplate(reader, value, ["outputs", name]) ?? []];
    }),
  );
}

/** Top to bottom, each place and sentence once: a fault of the shared env is found once per job. */
function inOrder(problems: readonly PipelineProblem[]): readonly PipelineProblem[] {
  const seen = new Set<string>();
  const once = problems.filter(({ position, message }) => {
    const key = JSON.stringify([position?.line, position?.column, message]);
    return !seen.has(key) && seen.add(key);
  });
  const lineOf = ({ position }: PipelineProblem) => position?.line ?? Number.POSITIVE_INFINITY;
  const columnOf = ({ position }: PipelineProblem) => position?.column ?? 0;
  return once.sort((a, b) => lineOf(a) - lineOf(b) || columnOf(a) - columnOf(b));
}

function emptyFile(position: PipelineProblem["position"]): PipelineProblem {
  return {
    code: "missing-key",
    path: [],
    message: "the file is empty",
    expected: "a map with jobs:",
    received: "nothing",
    advice: "add jobs:, below it a name, and below that run:",
    ...optional("position", position),
  };
}

function unfoldsTooFar(position: PipelineProblem["position"]): PipelineProblem {
  return {
    code: "too-large",
    path: [],
    message: "with all its aliases followed, the file is too large",
    expected: "a file of which every part is used a sensible number of times",
    received: "aliases of aliases, or one large anchor used by very many jobs",
    advice: "build the pipeline with definePipeline instead",
    ...optional("position", position),
  };
}
