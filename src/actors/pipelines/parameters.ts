/** The values that a run brings for its pipeline's parameters: checked, and completed by the defaults. */
import { limits } from "../kernel/index.ts";
import type { ParameterDefinition } from "./pipeline-definition.ts";
import { type PipelineProblem, ProblemList, quoted, someOf } from "./problem.ts";
import { closestName } from "./suggestion.ts";

export type ParametersResult =
  /** As text, the way jobs read them. A parameter that is not required and has no value is left out. */
  | { readonly ok: true; readonly values: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problems: readonly PipelineProblem[] };

/** Values may be text (a command line, the wire) or typed (code). */
export function resolveParameters(
  definitions: readonly ParameterDefinition[],
  given: Readonly<Record<string, string | number | boolean>>,
): ParametersResult {
  const problems = new ProblemList();
  const known = new Map(definitions.map((definition) => [definition.name, definition]));
  for (const name of Object.keys(given)) {
    if (!known.has(name)) addUnknown(name, [...known.keys()], problems);
  }
  const values: [string, string][] = [];
  for (const definition of definitions) {
    const { name } = definition;
    const value = Object.hasOwn(given, name) ? given[name] : definition.default;
    if (value !== undefined) {
      const text = readValue(definition, String(value), problems);
      if (text !== undefined) values.push([name, text]);
    } else if (definition.required) addMissing(definition, problems);
  }
  return problems.isEmpty
    ? { ok: true, values: Object.fromEntries(values) }
    : { ok: false, problems: problems.all };
}

function readValue(
  definition: ParameterDefinition,
  value: string,
  problems: ProblemList,
): string | undefined {
  const { name } = definition;
  if (value.length > limits.parameterCharactersMax || value.includes("\0")) {
    problems.add({
      code: "too-large",
      path: ["parameters", name],
      message: `the parameter ${quoted(name)} cannot be passed on to jobs`,
      expected: `text of at most ${limits.parameterCharactersMax} characters, without NUL`,
      received: value.includes("\0") ? "text with NUL" : `${value.length} characters`,
      advice: "pass the name of a file instead",
    });
    return undefined;
  }
  const read = readTyped(definition, value);
  if (read !== undefined) return read;
  problems.add({
    code: "bad-value",
    path: ["parameters", name],
    message: `the parameter ${quoted(name)} has a value that it cannot have`,
    expected: wantedBy(definition),
    received: quoted(value),
    advice: "give it another value",
  });
  return undefined;
}

/** The value in its one spelling; undefined = not of this type. */
function readTyped(definition: ParameterDefinition, value: string): string | undefined {
  switch (definition.type) {
    case "string":
      return value;
    case "number":
      return /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(value.trim()) &&
        Number.isFinite(Number(value))
        ? String(Number(value))
        : undefined;
    case "boolean":
      return value === "true" || value === "false" ? value : undefined;
    case "choice":
      return definition.of.includes(value) ? value : undefined;
  }
}

function wantedBy(definition: ParameterDefinition): string {
  switch (definition.type) {
    case "string":
      return "a text";
    case "number":
      return "a number, such as 3 or 0.5";
    case "boolean":
      return "true or false";
    case "choice":
      return `one of ${someOf(definition.of, 20)}`;
  }
}

function addUnknown(name: string, known: readonly string[], problems: ProblemList): void {
  const suggestion = closestName(name, known);
  problems.add({
    code: "unknown-reference",
    path: ["parameters", name],
    message: `the pipeline has no parameter ${quoted(name)}`,
    expected: known.length === 0 ? "no parameters" : `parameters of the pipeline: ${someOf(known)}`,
    received: quoted(name),
    advice: suggestion === undefined ? "leave it out" : `did you mean ${quoted(suggestion)}?`,
  });
}

function addMissing(definition: ParameterDefinition, problems: ProblemList): void {
  const { name, description } = definition;
  problems.add({
    code: "missing-key",
    path: ["parameters", name],
    message: `the parameter ${quoted(name)} has no value`,
    expected: wantedBy(definition) + (description === undefined ? "" : ` (${description})`),
    received: "nothing",
    advice: `give it one: ${name}=…`,
  });
}
