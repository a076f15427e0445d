/**
 * The shape of data that came over the wire, checked value by value: what is missing, of the wrong
 * type, or unknown is named with its path. Only then is the data what its TypeScript type says.
 */
import { type ProblemList, type ProblemPath, quoted, someOf } from "./problem.ts";
import { closestName } from "./suggestion.ts";

export type Shape = (value: unknown, path: ProblemPath, problems: ProblemList) => void;

type JsonObject = Readonly<Record<string, unknown>>;

export const text: Shape = primitive("a text", (value) => typeof value === "string");
export const truth: Shape = primitive("true or false", (value) => typeof value === "boolean");
export const number: Shape = primitive(
  "a finite number",
  (value) => typeof value === "number" && Number.isFinite(value),
);

export function oneOf(...choices: readonly string[]): Shape {
  const expected = choices.map((choice) => `"${choice}"`).join(" or ");
  return primitive(expected, (value) => typeof value === "string" && choices.includes(value));
}

export function listOf(item: Shape): Shape {
  return (value, path, problems) => {
    if (!Array.isArray(value)) wrongType("a list", value, path, problems);
    else value.forEach((each, index) => item(each, [...path, index], problems));
  };
}

export function mapOf(item: Shape): Shape {
  return (value, path, problems) => {
    if (!isObject(value)) wrongType("an object", value, path, problems);
    else for (const [key, each] of Object.entries(value)) item(each, [...path, key], problems);
  };
}

export function object(keys: {
  readonly required: Readonly<Record<string, Shape>>;
  readonly optional?: Readonly<Record<string, Shape>>;
}): Shape {
  const { required, optional = {} } = keys;
  const all = new Map([...Object.entries(required), ...Object.entries(optional)]);
  return (value, path, problems) => {
    if (!isObject(value)) {
      wrongType("an object", value, path, problems);
      return;
    }
    for (const key of Object.keys(required)) {
      if (!Object.hasOwn(value, key)) missing(key, path, problems);
    }
    for (const [key, each] of Object.entries(value)) {
      const shape = all.get(key);
      if (shape === undefined) unknownKey(key, [...path, key], { all: all.keys(), problems });
      else shape(each, [...path, key], problems);
    }
  };
}

/** The shape depends on the value of one key. */
export function variant(key: string, shapes: Readonly<Record<string, Shape>>): Shape {
  const tag = oneOf(...Object.keys(shapes));
  return (value, path, problems) => {
    if (!isObject(value)) {
      wrongType("an object", value, path, problems);
      return;
    }
    const chosen = value[key];
    if (typeof chosen === "string" && Object.hasOwn(shapes, chosen)) {
      shapes[chosen]?.(value, path, problems);
    } else tag(chosen, [...path, key], problems);
  };
}

/** A text, or something else. */
export function textOr(other: Shape): Shape {
  return (value, path, problems) => {
    if (typeof value !== "string") other(value, path, problems);
  };
}

function primitive(expected: string, fits: (value: unknown) => boolean): Shape {
  return (value, path, problems) => {
    if (!fits(value)) wrongType(expected, value, path, problems);
  };
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function wrongType(
  expected: string,
  value: unknown,
  path: ProblemPath,
  problems: ProblemList,
): void {
  problems.add({
    code: "wrong-type",
    path,
    message: `${pathText(path)} must be ${expected}`,
    expected,
    received: kindOf(value),
    advice: "correct the value",
  });
}

function missing(key: string, path: ProblemPath, problems: ProblemList): void {
  problems.add({
    code: "missing-key",
    path: [...path, key],
    message: `${pathText([...path, key])} is missing`,
    expected: `the key ${quoted(key)}`,
    received: "nothing",
    advice: "add it",
  });
}

function unknownKey(
  key: string,
  path: ProblemPath,
  at: { readonly all: Iterable<string>; readonly problems: ProblemList },
): void {
  const names = [...at.all];
  const suggestion = closestName(key, names);
  at.problems.add({
    code: "unknown-key",
    path,
    message: `${pathText(path)} is not known here`,
    expected: `one of ${someOf(names, 20)}`,
    received: quoted(key),
    advice: suggestion === undefined ? "remove it" : `did you mean ${quoted(suggestion)}?`,
  });
}

/** `jobs[3].needs[0]`; the root is "the pipeline". */
export function pathText(path: ProblemPath): string {
  if (path.length === 0) return "the pipeline";
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      if (!/^[\w-]+$/.test(step)) return `[${quoted(step)}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}

function kindOf(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object") return "an object";
  if (typeof value === "string") return `the text ${quoted(value)}`;
  return typeof value === "number" || typeof value === "boolean" ? `${value}` : `a ${typeof value}`;
}
