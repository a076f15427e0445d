import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OutputsError, parseOutputs } from "../../src/agent/outputs-file.ts";

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_-]{0,10}$/);

describe("the outputs file", () => {
  test.each([
    ["", {}],
    ["\n\n", {}],
    ["a=1", { a: "1" }],
    ["a=1\nb=2\n", { a: "1", b: "2" }],
    ["a=1\na=2\n", { a: "2" }],
    ["a=\n", { a: "" }],
    ["a=b=c<<d\n", { a: "b=c<<d" }],
    ["a=1\r\nb=2\r\n", { a: "1", b: "2" }],
    ["a= spaces \n", { a: " spaces " }],
    ["a<<END\none\ntwo\nEND\nb=2", { a: "one\ntwo", b: "2" }],
    ["a<<END\nEND\n", { a: "" }],
    ["a<<END\nb=1\n\n ENDE\nEND\n", { a: "b=1\n\n ENDE" }],
    ["a<<END\nlast line without end\nEND", { a: "last line without end" }],
  ])("%j", (text, expected) => {
    expect(Object.fromEntries(parseOutputs(text))).toEqual(expected);
  });

  test.each([
    ["hello", /line 1: expected name=value/],
    ["a=1\n=2", /line 2: "" is no output name/],
    ["a b=1", /line 1: "a b" is no output name/],
    ["a<<\nx\n", /line 1: a<< is never closed/],
    ["ok=1\na<<END\nx\n", /line 2: a<<END is never closed/],
    ["<html>", /line 1: expected name=value/],
  ])("%j makes no sense, and says where", (text, message) => {
    expect(() => parseOutputs(text)).toThrow(message);
    expect(() => parseOutputs(text)).toThrow(OutputsError);
  });

  test("gives back any values, in either form", () => {
    const word = "END_OF_VALUE";
    const value = fc.string().filter((text) => !/[\r]/.test(text) && !text.includes(word));
    fc.assert(
      fc.property(fc.dictionary(name, value), (values) => {
        const text = Object.entries(values)
          .map(([name, value]) =>
            value.includes("\n") ? `${name}<<${word}\n${value}\n${word}\n` : `${name}=${value}\n`,
          )
          .join("");
        expect(Object.fromEntries(parseOutputs(text))).toEqual({ ...values });
      }),
    );
  });

  test("never fails in any other way", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", "=", "<", "\n", "\r", " ") }), (text) => {
        try {
          parseOutputs(text);
        } catch (error) {
          expect(error).toBeInstanceOf(OutputsError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
