import { describe, expect, it } from "vitest";
import { limits } from "../../../src/actors/kernel/index.ts";
import {
  type ParameterDefinition,
  resolveParameters,
} from "../../../src/actors/pipelines/index.ts";

const definitions: readonly ParameterDefinition[] = [
  { name: "version", type: "string", required: true, description: "what to ship" },
  { name: "count", type: "number", required: false, default: 3 },
  { name: "debug", type: "boolean", required: false, default: false },
  {
    name: "target",
    type: "choice",
    required: false,
    of: ["staging", "production"],
    default: "staging",
  },
  { name: "note", type: "string", required: false },
];

const problemsOf = (given: Record<string, string | number | boolean>) => {
  const result = resolveParameters(definitions, given);
  return result.ok ? [] : result.problems.map(({ message, advice }) => `${message}; ${advice}`);
};

describe("parameters of a run", () => {
  it("are completed by defaults; what is not required and not given is left out", () => {
    expect(resolveParameters(definitions, { version: "1" })).toEqual({
      ok: true,
      values: { version: "1", count: "3", debug: "false", target: "staging" },
    });
  });

  it("may be text or typed, and come out in one spelling", () => {
    const asText = { version: "1", count: "4.50", debug: "true", target: "production", note: "" };
    const typed = { version: "1", count: 4.5, debug: true, target: "production", note: "" };
    expect(resolveParameters(definitions, asText)).toEqual(resolveParameters(definitions, typed));
    expect(resolveParameters(definitions, asText)).toMatchObject({ values: { count: "4.5" } });
  });

  it("say everything that is wrong with them at once", () => {
    expect(problemsOf({ count: "many", debug: "yes", target: "prod", versoin: "1" })).toEqual([
      'the pipeline has no parameter "versoin"; did you mean "version"?',
      'the parameter "version" has no value; give it one: version=…',
      'the parameter "count" has a value that it cannot have; give it another value',
      'the parameter "debug" has a value that it cannot have; give it another value',
      'the parameter "target" has a value that it cannot have; give it another value',
    ]);
  });

  it("do not take Infinity, hexadecimal or an empty text for a number", () => {
    for (const count of ["Infinity", "0x10", "", " ", "1e999", "NaN"]) {
      expect(problemsOf({ version: "1", count })).toHaveLength(1);
    }
  });

  it("must fit into an environment variable", () => {
    expect(problemsOf({ version: "x".repeat(limits.parameterCharactersMax + 1) })).toHaveLength(1);
    expect(problemsOf({ version: "a\0b" })).toHaveLength(1);
  });

  it("do not come from an object's prototype", () => {
    const names: readonly ParameterDefinition[] = [
      { name: "constructor", type: "string", required: true },
    ];
    expect(resolveParameters(names, {}).ok).toBe(false);
  });
});
