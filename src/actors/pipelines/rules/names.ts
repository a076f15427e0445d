/** What may be a name, and the words to say so. */
import { type PipelineProblem, type ProblemPath, quoted } from "../problem.ts";

interface NameRule {
  readonly pattern: RegExp;
  readonly allowed: string;
  /** Job after job has the same variables, labels and outputs: the last sound name is not tested again. */
  lastSound: string | undefined;
}

function rule(pattern: RegExp, allowed: string): NameRule {
  return { pattern, allowed, lastSound: undefined };
}

const word = "a letter or _, then letters, digits, _ and -";

const nameRules = {
  pipeline: rule(
    /^[\p{L}\p{N}][\p{L}\p{N} ._/-]{0,99}$/u,
    "a letter or digit, then letters, digits, spaces, . _ / and -, at most 100",
  ),
  job: rule(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, `${word}, at most 100`),
  parameter: rule(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, `${word}, at most 100`),
  output: rule(/^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, `${word}, at most 100`),
  variable: rule(
    /^[A-Za-z_][A-Za-z0-9_]{0,199}$/,
    "a letter or _, then letters, digits and _, at most 200",
  ),
  secret: rule(
    /^[A-Za-z_][A-Za-z0-9_./-]{0,199}$/,
    "a letter or _, then letters, digits, _ . / and -, at most 200",
  ),
  label: rule(
    /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    "a letter or digit, then letters, digits, . _ / and -, at most 63",
  ),
} satisfies Record<string, NameRule>;

type Named = keyof typeof nameRules;

export function isName(kind: Named, name: string): boolean {
  const rule: NameRule = nameRules[kind];
  if (rule.lastSound === name) return true;
  // `__proto__` fits the patterns, and means something else as a key of an object.
  const isSound = rule.pattern.test(name) && name !== "__proto__";
  if (isSound) rule.lastSound = name;
  return isSound;
}

export function badName(kind: Named, name: string, path: ProblemPath): PipelineProblem {
  return {
    code: "bad-name",
    path,
    message: `${quoted(name)} cannot be the name of ${kind === "output" ? "an" : "a"} ${kind}`,
    expected: nameRules[kind].allowed,
    received: quoted(name),
    advice: name === "" ? "give it a name" : "rename it",
  };
}

/** A path that stays within the folder that it is relative to. */
export function isWithinFolder(path: string): boolean {
  if (path === "" || path.length > 1_000 || path.startsWith("/") || /[\0\\]/.test(path))
    return false;
  return !path.split("/").includes("..");
}
