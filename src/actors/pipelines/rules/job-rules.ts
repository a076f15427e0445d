/**
 * One job by itself: names, sizes, times. Its place among the others is checked by the graph's rules.
 * A sound job costs no allocation here: paths and sentences are made only for what is wrong, and `for … in` walks
 * names without making a list of them, which is an eighth of the time of 100,000 jobs.
 */
import { limits } from "../../kernel/index.ts";
import { durationText } from "../duration.ts";
import type { JobDefinition } from "../pipeline-definition.ts";
import { type PipelineProblem, type ProblemList, type ProblemPath, quoted } from "../problem.ts";
import { sizeText } from "../size.ts";
import { checkCaches } from "./cache-rules.ts";
import { checkCheckout } from "./checkout-rules.ts";
import { badName, isName, isWithinFolder } from "./names.ts";
import { isWithin, type NumberRule, outOfBounds } from "./numbers.ts";

/** Variables that the executor sets; `TROUPE_IN_…` carry the holes of a script. */
const reservedVariable = /^TROUPE_(?!IN_)/;

export function checkJob(job: JobDefinition, index: number, problems: ProblemList): void {
  if (!isName("job", job.name)) {
    problems.add(badName("job", job.name, ["jobs", index, "name"]));
  }
  checkScript(job, index, problems);
  checkVariables(job, index, problems);
  checkOutputs(job, index, problems);
  checkArtifacts(job, index, problems);
  checkCheckout(job, index, problems);
  checkCaches(job, index, problems);
  checkLabels(job, index, problems);
  checkNumbers(job, index, problems);
}

function checkScript({ name, script }: JobDefinition, index: number, problems: ProblemList): void {
  if (script.trim() === "") {
    problems.add({
      code: "bad-value",
      path: ["jobs", index, "script"],
      message: `job ${quoted(name)} has nothing to run`,
      expected: "a script of at least one command",
      received: "an empty text",
      advice: 'write what it does; "true" does nothing, successfully',
    });
  }
  if (script.includes("\0")) {
    problems.add({
      code: "bad-value",
      path: ["jobs", index, "script"],
      message: `the script of ${quoted(name)} contains a NUL character`,
      expected: "text",
      received: "U+0000",
      advice: "remove it",
    });
  }
  if (script.length > limits.jobScriptCharactersMax) {
    problems.add({
      code: "too-large",
      path: ["jobs", index, "script"],
      message: `the script of ${quoted(name)} is too long`,
      expected: `at most ${limits.jobScriptCharactersMax} characters`,
      received: `${script.length} characters`,
      advice: "move it into a file of the project and run that file",
    });
  }
}

function checkVariables(job: JobDefinition, index: number, problems: ProblemList): void {
  let count = 0;
  for (const name in job.env) {
    count++;
    if (!isVariable(name)) problems.add(badVariable(name, ["jobs", index, "env", name]));
  }
  for (const name in job.secrets) {
    count++;
    checkSecret(job, index, { name, secret: job.secrets[name] ?? "" }, problems);
  }
  if (count > limits.jobVariablesMax) {
    const path = ["jobs", index, "env"];
    const advice = "pass a file instead";
    const most = limits.jobVariablesMax;
    problems.add(tooMany(job, { what: "variables", count, most, path, advice }));
  }
}

function checkSecret(
  job: JobDefinition,
  index: number,
  { name, secret }: { readonly name: string; readonly secret: string },
  problems: ProblemList,
): void {
  const path = ["jobs", index, "secrets", name];
  // Holes are no secrets, so not even their names are free here.
  if (!isVariable(name) || name.startsWith("TROUPE_")) problems.add(badVariable(name, path));
  if (!isName("secret", secret)) problems.add(badName("secret", secret, path));
  if (!Object.hasOwn(job.env, name)) return;
  problems.add({
    code: "duplicate",
    path,
    message: `${quoted(name)} is both a variable and a secret of job ${quoted(job.name)}`,
    expected: "each variable once, in env or in secrets",
    received: `${quoted(name)} in both`,
    advice: "remove one of them",
  });
}

function isVariable(name: string): boolean {
  return isName("variable", name) && !reservedVariable.test(name);
}

function badVariable(name: string, path: ProblemPath): PipelineProblem {
  if (!isName("variable", name)) return badName("variable", name, path);
  return {
    code: "bad-name",
    path,
    message: `${quoted(name)} is a name that troupe sets itself`,
    expected: "a name that does not begin with TROUPE_",
    received: quoted(name),
    advice: "rename it",
  };
}

function checkOutputs(job: JobDefinition, index: number, problems: ProblemList): void {
  const { outputs } = job;
  if (outputs.length > limits.jobOutputsMax) {
    const path = ["jobs", index, "outputs"];
    const advice = "put them into one output as JSON";
    const most = limits.jobOutputsMax;
    problems.add(tooMany(job, { what: "outputs", count: outputs.length, most, path, advice }));
    return;
  }
  for (let position = 0; position < outputs.length; position++) {
    const output = outputs[position] ?? "";
    const isRepeated = outputs.indexOf(output) !== position;
    if (isName("output", output) && !isRepeated) continue;
    const path = ["jobs", index, "outputs", position];
    if (!isName("output", output)) problems.add(badName("output", output, path));
    if (!isRepeated) continue;
    problems.add({
      code: "duplicate",
      path,
      message: `job ${quoted(job.name)} has the output ${quoted(output)} twice`,
      expected: "each output once",
      received: `${quoted(output)} again`,
      advice: "remove one of them",
    });
  }
}

function checkArtifacts(job: JobDefinition, index: number, problems: ProblemList): void {
  const { artifacts } = job;
  if (artifacts === undefined) return;
  const path = ["jobs", index, "artifacts"];
  if (artifacts.length > limits.jobArtifactsMax) {
    const advice = "put them into one folder, and name that";
    const most = limits.jobArtifactsMax;
    problems.add(tooMany(job, { what: "artifacts", count: artifacts.length, most, path, advice }));
    return;
  }
  artifacts.forEach((artifact, position) => {
    if (isWithinFolder(artifact)) return;
    problems.add({
      code: "bad-value",
      path: [...path, position],
      message: `${quoted(artifact)} cannot be an artifact of ${quoted(job.name)}`,
      expected: "a path within the attempt's own folder, such as dist/app",
      received: quoted(artifact),
      advice: "name it as it is seen from the folder where the script begins, without ..",
    });
  });
}

function checkLabels(job: JobDefinition, index: number, problems: ProblemList): void {
  const { labels } = job;
  let count = 0;
  for (const name in labels) {
    count++;
    const value = labels[name] ?? "";
    if (isName("label", name) && value.length <= limits.agentTextCharactersMax) continue;
    const path = ["jobs", index, "labels", name];
    problems.add(
      isName("label", name) ? longLabel(name, value, path) : badName("label", name, path),
    );
  }
  if (count > limits.jobLabelsMax) {
    const path = ["jobs", index, "labels"];
    const advice = "name one label that stands for all of them";
    const most = limits.jobLabelsMax;
    problems.add(tooMany(job, { what: "labels", count, most, path, advice }));
  }
}

function longLabel(name: string, value: string, path: ProblemPath): PipelineProblem {
  return {
    code: "too-large",
    path,
    message: `the label ${quoted(name)} is too long`,
    expected: `at most ${limits.agentTextCharactersMax} characters`,
    received: `${value.length} characters`,
    advice: "shorten it; no agent can have such a label",
  };
}

interface JobNumber {
  readonly path: readonly string[];
  readonly of: (job: JobDefinition) => number | undefined;
  readonly rule: NumberRule;
}

/** All of one form, whatever they leave out: they are read for each number of each job. */
function numberOf(
  path: readonly string[],
  of: JobNumber["of"],
  { what, min, max, whole, show }: NumberRule,
): JobNumber {
  return { path, of, rule: { what, min, max, whole, show } };
}

const time = { whole: true, show: durationText, max: limits.pipelineTimeoutMsMax };

const jobNumbers: readonly JobNumber[] = [
  numberOf(["timeoutMs"], (job) => job.timeoutMs, { ...time, what: "the timeout", min: 1 }),
  numberOf(["killGraceMs"], (job) => job.killGraceMs, {
    ...time,
    what: "the kill grace",
    min: 0,
    max: limits.jobKillGraceMsMax,
  }),
  numberOf(["retry", "attemptsMax"], (job) => job.retry.attemptsMax, {
    what: "the number of attempts (the first one included)",
    min: 1,
    max: limits.jobAttemptsMax,
    whole: true,
  }),
  numberOf(["retry", "initialDelayMs"], (job) => job.retry.initialDelayMs, {
    ...time,
    what: "the delay",
    min: 0,
  }),
  numberOf(["retry", "delayMaxMs"], (job) => job.retry.delayMaxMs, {
    ...time,
    what: "the longest delay",
    min: 0,
  }),
  numberOf(["retry", "factor"], (job) => job.retry.factor, {
    what: "the factor",
    min: 1,
    max: 100,
    whole: false,
  }),
  numberOf(["limits", "memoryBytes"], (job) => job.limits?.memoryBytes, {
    what: "the memory limit",
    min: limits.jobMemoryBytesMin,
    max: 2 ** 50,
    whole: true,
    show: sizeText,
  }),
  numberOf(["limits", "cpus"], (job) => job.limits?.cpus, {
    what: "the number of CPUs",
    min: 0.01,
    max: 4_096,
    whole: false,
  }),
  numberOf(["limits", "processes"], (job) => job.limits?.processes, {
    what: "the number of processes",
    min: 1,
    max: 4_194_304,
    whole: true,
  }),
  numberOf(["limits", "logBytes"], (job) => job.limits?.logBytes, {
    what: "the limit of the log",
    min: 1_024,
    max: 2 ** 34,
    whole: true,
    show: sizeText,
  }),
  numberOf(["priority"], (job) => job.priority, {
    what: "the priority",
    min: -1_000,
    max: 1_000,
    whole: true,
  }),
];

function checkNumbers(job: JobDefinition, index: number, problems: ProblemList): void {
  for (const { path, of, rule } of jobNumbers) {
    const value = of(job);
    if (!isWithin(value, rule)) {
      problems.add(outOfBounds(value, rule, ["jobs", index, ...path]));
    }
  }
}

function tooMany(
  job: JobDefinition,
  of: Pick<PipelineProblem, "path" | "advice"> & {
    readonly what: string;
    readonly count: number;
    readonly most: number;
  },
): PipelineProblem {
  return {
    code: "too-large",
    path: of.path,
    message: `job ${quoted(job.name)} has too many ${of.what}`,
    expected: `at most ${of.most}`,
    received: `${of.count}`,
    advice: of.advice,
  };
}
