/** What may stand between `${{` and `}}`: the name of one value, and nothing to compute. Pure. */
import type { Expression } from "../pipeline-definition.ts";
import { quoted } from "../problem.ts";
import { closestName } from "../suggestion.ts";

export type ExpressionResult =
  | { readonly ok: true; readonly expression: Expression }
  | {
      readonly ok: false;
      readonly message: string;
      readonly expected: string;
      readonly advice: string;
    };

const forms =
  "parameters.<name>, needs.<job>.outputs.<name>, needs.<job>.conclusion, run.id, run.pipeline or run.conclusion; in the key of a cache also agent.os, agent.arch and hashFiles('…')";

/** Roots of other systems, and what to write instead. */
const foreignRoots: Readonly<Record<string, string>> = {
  inputs: "write parameters.<name>",
  github: "the run's own values are run.id and run.pipeline; pass others as parameters",
  gitlab: "the run's own values are run.id and run.pipeline; pass others as parameters",
  env: "in a script the shell knows the variable: write $NAME",
  vars: "write parameters.<name>",
  secrets: "list the secret under secrets of the job; the script then reads it as a variable",
  steps: "write needs.<job>.outputs.<name>; a job has one script, no steps",
  jobs: "write needs.<job>.outputs.<name>",
  job: "in a script, $TROUPE_JOB and $TROUPE_ATTEMPT say which job this is",
  matrix: "write one job for each value",
  runner:
    "write agent.os or agent.arch, in the key of a cache; elsewhere ask for an agent by labels",
};

export function parseExpression(inner: string): ExpressionResult {
  if (inner === "") return fail("there is nothing between the brackets", "name a value");
  if (/^hashFiles\s*\(/.test(inner)) return parseHashFiles(inner);
  if (!/^[\w-]+(\s*\.\s*[\w-]+)*$/.test(inner)) return unreadable(inner);
  const [root = "", ...rest] = inner.split(".").map((part) => part.trim());
  switch (root) {
    case "parameters":
      return parseParameter(rest, inner);
    case "needs":
      return parseNeed(rest, inner);
    case "run":
      return parseRunField(rest, inner);
    case "agent":
      return parseAgentField(rest, inner);
    default:
      return unknownRoot(root, inner);
  }
}

function parseParameter(rest: readonly string[], inner: string): ExpressionResult {
  const [name, ...more] = rest;
  if (name === undefined || more.length > 0) {
    return fail(`${quoted(inner)} does not name a parameter`, "write parameters.<name>");
  }
  return { ok: true, expression: { ref: "parameter", name } };
}

function parseNeed(rest: readonly string[], inner: string): ExpressionResult {
  const [job, kind, name, ...more] = rest;
  if (job !== undefined && kind === "conclusion" && name === undefined) {
    return { ok: true, expression: { ref: "conclusion", job } };
  }
  if (job !== undefined && kind === "outputs" && name !== undefined && more.length === 0) {
    return { ok: true, expression: { ref: "output", job, name } };
  }
  const advice =
    kind === "result" || kind === "status"
      ? `write needs.${job}.conclusion`
      : `write needs.${job ?? "<job>"}.outputs.<name> or needs.${job ?? "<job>"}.conclusion`;
  return fail(`${quoted(inner)} does not name a value of a job`, advice);
}

function parseRunField(rest: readonly string[], inner: string): ExpressionResult {
  const [field, ...more] = rest;
  if ((field === "id" || field === "pipeline" || field === "conclusion") && more.length === 0) {
    return { ok: true, expression: { ref: "run", field } };
  }
  return fail(
    `${quoted(inner)} does not name a value of the run`,
    "write run.id, run.pipeline or run.conclusion",
  );
}

function parseAgentField(rest: readonly string[], inner: string): ExpressionResult {
  const [field, ...more] = rest;
  if ((field === "os" || field === "arch") && more.length === 0) {
    return { ok: true, expression: { ref: "agent", field } };
  }
  return fail(
    `${quoted(inner)} does not name a value of the agent`,
    "write agent.os or agent.arch",
  );
}

const quotedText = /^\s*(?:'([^']*)'|"([^"]*)")\s*$/;

function parseHashFiles(inner: string): ExpressionResult {
  const [, list] = /^hashFiles\s*\(([^()]*)\)$/.exec(inner) ?? [];
  const texts = (list ?? "").split(",").map((text) => quotedText.exec(text));
  if (list === undefined || texts.includes(null)) {
    return fail(
      `${quoted(inner)} does not name files`,
      "write hashFiles('package-lock.json', 'packages/**/package.json'), each pattern in quotes",
    );
  }
  const patterns = texts.map((text) => text?.[1] ?? text?.[2] ?? "");
  return { ok: true, expression: { ref: "hash-files", patterns } };
}

function unknownRoot(root: string, inner: string): ExpressionResult {
  const message = `${quoted(inner)} begins with ${quoted(root)}, which means nothing here`;
  const foreign = Object.hasOwn(foreignRoots, root) ? foreignRoots[root] : undefined;
  if (foreign !== undefined) return fail(message, foreign);
  const suggestion = closestName(root, ["parameters", "needs", "run"]);
  return fail(
    message,
    suggestion === undefined ? `write ${forms}` : `did you mean ${quoted(suggestion)}?`,
  );
}

function unreadable(inner: string): ExpressionResult {
  const bracket = /^([\w-]+)\s*\[/.exec(inner);
  if (bracket !== null) {
    return fail(
      `${quoted(inner)} uses brackets`,
      `write it with dots, for example ${bracket[1]}.name`,
    );
  }
  return fail(
    `${quoted(inner)} is not the name of one value`,
    "name one value; compute with it in the script",
  );
}

function fail(message: string, advice: string): ExpressionResult {
  return { ok: false, message, expected: forms, advice };
}
