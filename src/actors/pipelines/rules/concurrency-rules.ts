/** Names of concurrency groups: there is one, and it is known before any job has run. */
import { limits } from "../../kernel/index.ts";
import type { ConcurrencyDefinition, Expression, Template } from "../pipeline-definition.ts";
import { type ProblemPath, quoted } from "../problem.ts";
import { expressionText } from "../template.ts";
import { checkTemplate, type ReferenceContext } from "./reference-rules.ts";

export function checkConcurrency(context: ReferenceContext): void {
  const { definition } = context;
  if (definition.concurrency !== undefined) {
    checkGroup(definition.concurrency, ["concurrency", "group"], context);
  }
  definition.jobs.forEach(({ concurrency }, index) => {
    if (concurrency === undefined) return;
    checkGroup(concurrency, ["jobs", index, "concurrency", "group"], context);
  });
}

function checkGroup(
  { group }: ConcurrencyDefinition,
  path: ProblemPath,
  context: ReferenceContext,
): void {
  const late = group.find((part): part is Expression => typeof part !== "string" && isLate(part));
  if (late !== undefined) {
    context.problems.add({
      code: "out-of-reach",
      path,
      message: `the name of a concurrency group cannot read ${expressionText(late)}`,
      expected: "parameters.<name>, run.id or run.pipeline, which are known from the start",
      received: expressionText(late),
      advice: "pass it as a parameter of the run",
    });
    return;
  }
  checkTemplate(group, { path, reader: undefined }, context);
  checkName(group, path, context);
}

function isLate(expression: Expression): boolean {
  if (expression.ref === "run") return expression.field === "conclusion";
  return expression.ref !== "parameter";
}

function checkName(group: Template, path: ProblemPath, { problems }: ReferenceContext): void {
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
