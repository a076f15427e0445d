/** One job by itself: names, sizes, times. Its place among the others is checked by the graph's rules. */
import { type Limits, limits } from "../../kernel/index.ts";
import { durationText } from "../duration.ts";
import type { JobDefinition } from "../pipeline-definition.ts";
import { type ProblemList, type ProblemPath, quoted } from "../problem.ts";
import { checkName } from "./names.ts";
import { checkNumber } from "./numbers.ts";

/** Variables that the executor sets; `TROUPE_IN_…` carry the holes of a script. */
const reservedVariable = /^TROUPE_(?!IN_)/;

export function checkJob(job: JobDefinition, index: number, problems: ProblemList): void {
  const path = ["jobs", index];
  checkName("job", job.name, [...path, "name"], problems);
  checkScript(job, path, problems);
  checkVariables(job, path, problems);
  checkOutputs(job, path, problems);
  checkLabels(job, path, problems);
  checkTimes(job, path, problems);
  checkNumber(
    job.priority,
    { path: [...path, "priority"], what: "the priority", min: -1_000, max: 1_000, whole: true },
    problems,
  );
}

function checkScript(
  { name, script }: JobDefinition,
  path: ProblemPath,
  problems: ProblemList,
): void {
  if (script.trim() === "") {
    problems.add({
      code: "bad-value",
      path: [...path, "script"],
      message: `job ${quoted(name)} has nothing to run`,
      expected: "a script of at least one command",
      received: "an empty text",
      advice: 'write what it does; "true" does nothing, successfully',
    });
  }
  if (script.includes("\0")) {
    problems.add({
      code: "bad-value",
      path: [...path, "script"],
      message: `the script of ${quoted(name)} contains a NUL character`,
      expected: "text",
      received: "U+0000",
      advice: "remove it",
    });
  }
  checkSize("characters", script.length, "jobScriptCharactersMax", {
    path: [...path, "script"],
    what: `the script of ${quoted(name)}`,
    advice: "move it into a file of the project and run that file",
    problems,
  });
}

function checkVariables(job: JobDefinition, path: ProblemPath, problems: ProblemList): void {
  const names = Object.keys(job.env);
  const secrets = Object.entries(job.secrets);
  for (const name of names) checkVariable(name, [...path, "env", name], problems);
  for (const [variable, secret] of secrets) {
    const at = [...path, "secrets", variable];
    checkVariable(variable, at, problems);
    checkName("secret", secret, at, problems);
    if (!Object.hasOwn(job.env, variable)) continue;
    problems.add({
      code: "duplicate",
      path: at,
      message: `${quoted(variable)} is both a variable and a secret of job ${quoted(job.name)}`,
      expected: "each variable once, in env or in secrets",
      received: `${quoted(variable)} in both`,
      advice: "remove one of them",
    });
  }
  checkSize("variables", names.length + secrets.length, "jobVariablesMax", {
    path: [...path, "env"],
    what: `the environment of ${quoted(job.name)}`,
    advice: "pass a file instead",
    problems,
  });
}

function checkVariable(name: string, path: ProblemPath, problems: ProblemList): void {
  checkName("variable", name, path, problems);
  if (!reservedVariable.test(name)) return;
  problems.add({
    code: "bad-name",
    path,
    message: `${quoted(name)} is a name that troupe sets itself`,
    expected: "a name that does not begin with TROUPE_",
    received: quoted(name),
    advice: "rename it",
  });
}

function checkOutputs(job: JobDefinition, path: ProblemPath, problems: ProblemList): void {
  const seen = new Set<string>();
  job.outputs.forEach((output, position) => {
    const at = [...path, "outputs", position];
    checkName("output", output, at, problems);
    if (seen.has(output)) {
      problems.add({
        code: "duplicate",
        path: at,
        message: `job ${quoted(job.name)} has the output ${quoted(output)} twice`,
        expected: "each output once",
        received: `${quoted(output)} again`,
        advice: "remove one of them",
      });
    }
    seen.add(output);
  });
  checkSize("outputs", job.outputs.length, "jobOutputsMax", {
    path: [...path, "outputs"],
    what: `job ${quoted(job.name)}`,
    advice: "put them into one output as JSON",
    problems,
  });
}

function checkLabels(job: JobDefinition, path: ProblemPath, problems: ProblemList): void {
  const labels = Object.entries(job.labels);
  for (const [name, value] of labels) {
    const at = [...path, "labels", name];
    checkName("label", name, at, problems);
    if (value.length <= limits.agentTextCharactersMax) continue;
    problems.add({
      code: "too-large",
      path: at,
      message: `the label ${quoted(name)} is too long`,
      expected: `at most ${limits.agentTextCharactersMax} characters`,
      received: `${value.length}`,
      advice: "shorten it; no agent can have such a label",
    });
  }
  checkSize("labels", labels.length, "jobLabelsMax", {
    path: [...path, "labels"],
    what: `job ${quoted(job.name)}`,
    advice: "name one label that stands for all of them",
    problems,
  });
}

function checkTimes(job: JobDefinition, path: ProblemPath, problems: ProblemList): void {
  const max = limits.pipelineTimeoutMsMax;
  const times = [
    { key: ["timeoutMs"], value: job.timeoutMs, what: "the timeout", min: 1, max },
    {
      key: ["killGraceMs"],
      value: job.killGraceMs,
      what: "the kill grace",
      min: 0,
      max: limits.jobKillGraceMsMax,
    },
    {
      key: ["retry", "initialDelayMs"],
      value: job.retry.initialDelayMs,
      what: "the delay",
      min: 0,
      max,
    },
    {
      key: ["retry", "delayMaxMs"],
      value: job.retry.delayMaxMs,
      what: "the longest delay",
      min: 0,
      max,
    },
  ];
  for (const { key, value, ...bounds } of times) {
    if (value === undefined) continue;
    const rule = { ...bounds, path: [...path, ...key], whole: true, show: durationText };
    checkNumber(value, rule, problems);
  }
  checkNumber(
    job.retry.attemptsMax,
    {
      path: [...path, "retry", "attemptsMax"],
      what: "the number of attempts",
      min: 1,
      max: limits.jobAttemptsMax,
      whole: true,
    },
    problems,
  );
  checkNumber(
    job.retry.factor,
    { path: [...path, "retry", "factor"], what: "the factor", min: 1, max: 100, whole: false },
    problems,
  );
}

function checkSize(
  unit: string,
  size: number,
  limit: keyof Limits,
  at: {
    readonly path: ProblemPath;
    readonly what: string;
    readonly advice: string;
    readonly problems: ProblemList;
  },
): void {
  if (size <= limits[limit]) return;
  at.problems.add({
    code: "too-large",
    path: at.path,
    message: `${at.what} has too many ${unit}`,
    expected: `at most ${limits[limit]}`,
    received: `${size}`,
    advice: at.advice,
  });
}
