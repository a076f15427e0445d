import { describe, expect, test } from "vitest";
import {
  checkPipelineYaml,
  parseDefinition,
  readPipelineYaml,
} from "../../../src/actors/pipelines/index.ts";

const read = (yaml: string) => readPipelineYaml(yaml, { file: "a.yaml" });

function problemsOf(yaml: string): string[] {
  const checked = checkPipelineYaml(yaml, { file: "a.yaml" });
  if (checked.ok) return [];
  return checked.problems.map(({ message, position }) => `${position?.line}: ${message}`);
}

describe("concurrency in YAML", () => {
  test("a name, a map as in GitHub Actions, and what its agent does when it is cut off", () => {
    const definition = read(`
parameters: { target: { default: a } }
concurrency: prod
jobs:
  a:
    concurrency: { group: "deploy-\${{ parameters.target }}", cancel-in-progress: true }
    on-disconnect: continue
    run: x
`);
    expect(definition.concurrency).toEqual({ group: ["prod"], cancelInProgress: false });
    expect(definition.jobs[0]).toMatchObject({
      concurrency: {
        group: ["deploy-", { ref: "parameter", name: "target" }],
        cancelInProgress: true,
      },
      onDisconnect: "continue",
    });
    // The same over the wire.
    const sent = parseDefinition(JSON.stringify(definition));
    expect(sent).toEqual({ ok: true, definition });
  });

  test.each([
    ["concurrency: { cancel-in-progress: true }", "1: the concurrency has no group"],
    ["concurrency: ''", "1: the concurrency group has no name"],
    [`concurrency: ${"x".repeat(201)}`, "1: the concurrency group has a long name"],
    [
      "concurrency: ${{ run.conclusion }}",
      "1: the name of a concurrency group cannot read run.conclusion",
    ],
    [
      "concurrency: ${{ needs.a.outputs.b }}",
      "1: the name of a concurrency group cannot read needs.a.outputs.b",
    ],
    ["concurrency: ${{ parameters.typo }}", '1: there is no parameter "typo"'],
  ])("%s", (line, problem) => {
    expect(problemsOf(`${line}\njobs:\n  a:\n    run: x\n`)).toEqual([problem]);
  });
});
