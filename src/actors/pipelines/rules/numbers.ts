/** Numbers within bounds. */
import type { PipelineProblem, ProblemPath } from "../problem.ts";

export interface NumberRule {
  /** With its article: "the timeout". */
  readonly what: string;
  readonly min: number;
  readonly max: number;
  readonly whole: boolean;
  /** How to write such a number; default as digits. */
  readonly show?: ((value: number) => string) | undefined;
}

/** What is not there is within any bounds. */
export function isWithin(value: number | undefined, rule: NumberRule): boolean {
  if (value === undefined) return true;
  return value >= rule.min && value <= rule.max && (!rule.whole || Number.isInteger(value));
}

export function outOfBounds(
  value: number | undefined,
  rule: NumberRule,
  path: ProblemPath,
): PipelineProblem {
  const { what, min, max, whole, show = String } = rule;
  const kind = whole && rule.show === undefined ? "a whole number" : "a value";
  return {
    code: "bad-value",
    path,
    message: `${what} is out of bounds`,
    expected: `${kind} from ${show(min)} to ${show(max)}`,
    received: value === undefined ? "nothing" : show(value),
    advice: "choose a value within the bounds",
  };
}
