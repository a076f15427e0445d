/** Names of concurrency groups: there is one, and it is known before any job has run. */
import { limits } from "../../kernel/index.ts";
import type { ConcurrencyDefinition, Expression, Template } from "../pipeline-definition.ts";
import { type ProblemList, type ProblemPath, quoted } from "../problem.ts";
import { expressionText } from "../template.ts";
import { addMisreadings, outerMisreadings } from "./reference-rules.ts";

export interface GroupContext {
  readonly parameters: ReadonlySet<string>;
  readonly problems: ProblemList;
}

/** Of a job, or of the whole pipeline. */
export function checkConcurrency(
  { group }: ConcurrencyDefinition,
  path: ProblemPath,
  { parameters, problems }: GroupContext,
): void {
  const late = group.find((part): part is Expression => typeof part !== "string" && isLate(part));
  if (late !== undefined) {
    problems.add({
      code: "out-of-reach",
      path,
      message: `the name of a concurrency group cannot read ${expressionText(late)}`,
      expected: "parameters.<name>, run.id or run.pipeline, which are known from the start",
      received: expressionText(late),
      advice: "pass it as a parameter of the run",
    });
    return;
  }
  addMisreadings(outerMisreadings(group, undefined, parameters), path, problems);
  checkName(group, path, problems);
}

function isLate(expression: Expression): boolean {
  if (expression.ref === "run") return expression.field === "conclusion";
  return expression.ref !== "parameter";
}

function checkName(group: Template, path: ProblemPath, problems: ProblemList): void {
  const fixed = group.filter((part) => typeof part === "string").join("");
  const isEmpty = fixed.trim() === "" && group.every((part) => typeof part === "string");
  if (!isEmpty && fixed.length <= limits.concurrencyGroupCharactersMax) return;
  problems.add({
    code: isEmpty ? "bad-name" : "too-large",
    path,
    message: isEmpty
      ? "the concurrency group has no name"
      : "the concurrency group has a long name",
    expected: `1 to ${limits.concurrencyGroupCharactersMax} characters`,
    received: isEmpty ? quoted(fixed) : `${fixed.length} characters`,
    advice: "name what may be used by one at a time, such as deploy-production",
  });
}
