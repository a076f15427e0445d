/** What may be a name, and the words to say so. */
import { type ProblemList, type ProblemPath, quoted } from "../problem.ts";

export interface NameRule {
  readonly pattern: RegExp;
  readonly allowed: string;
}

const word = "a letter or _, then letters, digits, _ and -";

export const nameRules = {
  pipeline: {
    pattern: /^[\p{L}\p{N}][\p{L}\p{N} ._/-]{0,99}$/u,
    allowed: "a letter or digit, then letters, digits, spaces, . _ / and -, at most 100",
  },
  job: { pattern: /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, allowed: `${word}, at most 100` },
  parameter: { pattern: /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, allowed: `${word}, at most 100` },
  output: { pattern: /^[A-Za-z_][A-Za-z0-9_-]{0,99}$/, allowed: `${word}, at most 100` },
  variable: {
    pattern: /^[A-Za-z_][A-Za-z0-9_]{0,199}$/,
    allowed: "a letter or _, then letters, digits and _, at most 200",
  },
  secret: {
    pattern: /^[A-Za-z_][A-Za-z0-9_./-]{0,199}$/,
    allowed: "a letter or _, then letters, digits, _ . / and -, at most 200",
  },
  label: {
    pattern: /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/,
    allowed: "a letter or digit, then letters, digits, . _ / and -, at most 63",
  },
} satisfies Record<string, NameRule>;

/** Adds a problem unless `name` is one that a `kind` may have. */
export function checkName(
  kind: keyof typeof nameRules,
  name: string,
  path: ProblemPath,
  problems: ProblemList,
): void {
  const { pattern, allowed } = nameRules[kind];
  // `__proto__` fits the patterns, and means something else as a key of an object.
  if (pattern.test(name) && name !== "__proto__") return;
  problems.add({
    code: "bad-name",
    path,
    message: `${quoted(name)} cannot be the name of ${article(kind)}`,
    expected: allowed,
    received: quoted(name),
    advice: name === "" ? "give it a name" : "rename it",
  });
}

function article(kind: string): string {
  return kind === "output" ? `an ${kind}` : `a ${kind}`;
}
