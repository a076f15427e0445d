/** Parameters as they are declared: names, choices, defaults. Values that a run brings are checked by `parameters.ts`. */
import { limits } from "../../kernel/index.ts";
import type { ParameterDefinition } from "../pipeline-definition.ts";
import { type ProblemList, quoted, someOf } from "../problem.ts";
import { badName, isName } from "./names.ts";

export function checkParameters(
  parameters: readonly ParameterDefinition[],
  problems: ProblemList,
): void {
  if (parameters.length > limits.pipelineParametersMax) {
    problems.add({
      code: "too-large",
      path: ["parameters"],
      message: "there are too many parameters",
      expected: `at most ${limits.pipelineParametersMax}`,
      received: `${parameters.length}`,
      advice: "pass a file or a document instead",
    });
  }
  const seen = new Set<string>();
  parameters.forEach((parameter, index) => {
    const path = ["parameters", index, "name"];
    if (!isName("parameter", parameter.name)) {
      problems.add(badName("parameter", parameter.name, path));
    }
    if (seen.has(parameter.name)) {
      problems.add({
        code: "duplicate",
        path,
        message: `two parameters are named ${quoted(parameter.name)}`,
        expected: "a name of its own for every parameter",
        received: `${quoted(parameter.name)} again`,
        advice: "rename one of them",
      });
    }
    seen.add(parameter.name);
    checkDefault(parameter, index, problems);
  });
}

function checkDefault(parameter: ParameterDefinition, index: number, problems: ProblemList): void {
  const { name } = parameter;
  if (parameter.type === "number" && parameter.default !== undefined) {
    if (Number.isFinite(parameter.default)) return;
    problems.add({
      code: "bad-value",
      path: ["parameters", index, "default"],
      message: `the default of ${quoted(name)} is not a finite number`,
      expected: "a number",
      received: `${parameter.default}`,
      advice: "write a number, or remove the default",
    });
  }
  if (parameter.type !== "choice") return;
  checkChoices(name, parameter.of, { index, problems });
  if (parameter.default === undefined || parameter.of.includes(parameter.default)) return;
  problems.add({
    code: "bad-value",
    path: ["parameters", index, "default"],
    message: `the default of ${quoted(name)} is not one of its choices`,
    expected: someOf(parameter.of),
    received: quoted(parameter.default),
    advice: "choose one of them, or add it to the choices",
  });
}

function checkChoices(
  name: string,
  choices: readonly string[],
  at: { readonly index: number; readonly problems: ProblemList },
): void {
  const repeated = choices.findIndex((choice, position) => choices.indexOf(choice) !== position);
  if (choices.length > 0 && repeated === -1) return;
  at.problems.add({
    code: "bad-value",
    path: ["parameters", at.index, "of", ...(repeated === -1 ? [] : [repeated])],
    message:
      repeated === -1
        ? `the parameter ${quoted(name)} has no choices`
        : `the parameter ${quoted(name)} has a choice twice`,
    expected: "at least one choice, each once",
    received: repeated === -1 ? "none" : `${quoted(choices[repeated] ?? "")} again`,
    advice: repeated === -1 ? "list the choices" : "remove one of them",
  });
}
