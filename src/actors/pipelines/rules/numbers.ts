/** Numbers within bounds. */
import type { ProblemList, ProblemPath } from "../problem.ts";

export interface NumberRule {
  readonly path: ProblemPath;
  /** With its article: "the timeout". */
  readonly what: string;
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  /** How to write such a number; default as digits. */
  readonly show?: (value: number) => string;
}

export function checkNumber(value: number, rule: NumberRule, problems: ProblemList): void {
  const { path, what, min, max, whole, show = String } = rule;
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return;
  const kind = whole && rule.show === undefined ? "a whole number" : "a value";
  problems.add({
    code: "bad-value",
    path,
    message: `${what} is out of bounds`,
    expected: `${kind} from ${show(min)} to ${show(max)}`,
    received: show(value),
    advice: "choose a value within the bounds",
  });
}
