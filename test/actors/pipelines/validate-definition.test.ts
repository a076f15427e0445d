import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type PipelineDefinition,
  parseDefinition,
  validateDefinition,
} from "../../../src/actors/pipelines/index.ts";
import { anyPipeline, job, pipeline } from "./definitions.ts";

const problemsOf = (value: unknown) => {
  const result = validateDefinition(value);
  return result.ok ? [] : result.problems.map(({ code, message }) => `${code}: ${message}`);
};

const whole = pipeline(
  [
    job("a", {
      env: { A: ["x", { ref: "parameter", name: "p" }], R: [{ ref: "run", field: "id" }] },
      secrets: { S: "s" },
      outputs: ["o"],
      labels: { os: "linux" },
      timeoutMs: 1,
      workingDirectory: "x",
      description: "d",
    }),
    job("b", { needs: ["a"], env: { B: [{ ref: "output", job: "a", name: "o" }] } }),
    job("c", { finally: true, env: { C: [{ ref: "conclusion", job: "b" }] } }),
  ],
  {
    parameters: [
      { name: "p", type: "string", required: true },
      { name: "n", type: "number", required: false, default: 1, description: "d" },
      { name: "t", type: "boolean", required: false, default: true },
      { name: "c", type: "choice", required: false, of: ["x"], default: "x" },
    ],
    outputs: { o: [{ ref: "output", job: "a", name: "o" }] },
    timeoutMs: 5,
    parallelMax: 1,
  },
);

describe("a definition from the wire", () => {
  it("is taken when it is one, in shape and in sense", () => {
    expect(validateDefinition(whole)).toEqual({ ok: true, definition: whole });
    expect(parseDefinition(JSON.stringify(whole))).toEqual({ ok: true, definition: whole });
    fc.assert(fc.property(anyPipeline(), (definition) => validateDefinition(definition).ok));
  });

  it.each([
    [null, "wrong-type: the pipeline must be an object"],
    ["text", "wrong-type: the pipeline must be an object"],
    [[], "wrong-type: the pipeline must be an object"],
    [{ ...whole, jobs: undefined }, "wrong-type: jobs must be a list"],
    [{ ...whole, jobs: {} }, "wrong-type: jobs must be a list"],
    [{ ...whole, failFast: 1 }, "wrong-type: failFast must be true or false"],
    [{ ...whole, timeoutMs: "5" }, "wrong-type: timeoutMs must be a finite number"],
    [{ ...whole, extra: 1 }, "unknown-key: extra is not known here"],
    [{ ...whole, jobs: [{ ...job("a"), needs: "b" }] }, "wrong-type: jobs[0].needs must be a list"],
    [
      { ...whole, jobs: [{ ...job("a"), env: { A: ["x", 5] } }] },
      "wrong-type: jobs[0].env.A[1] must be an object",
    ],
    [
      { ...whole, jobs: [{ ...job("a"), env: { A: [{ ref: "file", name: "x" }] } }] },
      'wrong-type: jobs[0].env.A[0].ref must be "parameter" or "output" or "conclusion" or "run" or "agent" or "hash-files"',
    ],
    [
      { ...whole, jobs: [{ ...job("a"), shell: "perl" }] },
      'wrong-type: jobs[0].shell must be "sh" or "bash" or "python" or "node"',
    ],
    [
      { ...whole, jobs: [{ ...job("a"), retry: 3 }] },
      "wrong-type: jobs[0].retry must be an object",
    ],
    [
      { ...whole, parameters: [{ name: "p" }] },
      'wrong-type: parameters[0].type must be "string" or "number" or "boolean" or "choice"',
    ],
    [
      { ...whole, parameters: [{ name: "p", type: "choice", required: true }] },
      "missing-key: parameters[0].of is missing",
    ],
    [
      { ...whole, parameters: [{ name: "p", type: "number", required: false, default: "1" }] },
      "wrong-type: parameters[0].default must be a finite number",
    ],
    [{ ...whole, outputs: { o: "x" } }, "wrong-type: outputs.o must be a list"],
  ])("is refused when its shape is wrong (%#)", (value, problem) => {
    expect(problemsOf(value)).toContain(problem);
  });

  it("is refused by the rules of the builder and of files", () => {
    const cyclic = pipeline([job("a", { needs: ["b"] }), job("b", { needs: ["a"] })]);
    expect(problemsOf(cyclic)).toEqual([
      "cycle: these jobs wait for each other for ever: a → b → a",
    ]);
    const reserved = pipeline([job("a", { env: { TROUPE_OUTPUT: ["x"] } })]);
    expect(problemsOf(reserved)).toEqual([
      'bad-name: "TROUPE_OUTPUT" is a name that troupe sets itself',
    ]);
    const nul = pipeline([job("a", { script: "x\0y" })]);
    expect(problemsOf(nul)).toEqual(['bad-value: the script of "a" contains a NUL character']);
  });

  it("is refused with a sentence when it is not JSON", () => {
    const result = parseDefinition("{ nope");
    expect(result.ok ? [] : result.problems).toMatchObject([
      { code: "syntax", message: "the pipeline is not JSON" },
    ]);
  });

  it("is judged, never crashed on, whatever comes", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        validateDefinition(value);
      }),
      { numRuns: 500 },
    );
    const mutated = fc.tuple(fc.nat(), fc.anything());
    fc.assert(
      fc.property(mutated, ([place, value]) => {
        const copy = JSON.parse(JSON.stringify(whole)) as PipelineDefinition;
        const leaves = pathsOf(copy);
        const path = leaves[place % leaves.length] ?? [];
        setAt(copy, path, value);
        validateDefinition(copy);
      }),
      { numRuns: 1_000 },
    );
  });
});

function pathsOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== "object" || value === null) return [path];
  return [
    path,
    ...Object.entries(value).flatMap(([key, each]) => pathsOf(each, [...path, key])),
  ].filter(({ length }) => length > 0);
}

function setAt(root: object, path: readonly string[], value: unknown): void {
  let at = root as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ""] = value;
}
