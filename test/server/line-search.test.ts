import fc from "fast-check";
import { expect, test } from "vitest";
import { limits } from "../../src/actors/kernel/index.ts";
import { LineSearch } from "../../src/server/line-search.ts";

function search(
  log: string,
  text: string,
  sizes: readonly number[],
): { offset: number; line: string }[] {
  const bytes = Buffer.from(log);
  const lines = new LineSearch(text);
  const found = [];
  let at = 0;
  for (const size of [...sizes, bytes.length]) {
    found.push(...lines.push({ offset: at, data: bytes.subarray(at, at + size) }));
    at = Math.min(bytes.length, at + size);
  }
  found.push(...lines.end(at));
  return found.map(({ offset, data }) => ({ offset, line: Buffer.from(data).toString() }));
}

test("finds the lines that hold the text, each at its offset, however the log is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom("a", "b", "ä", "\n"), { maxLength: 60 }).map((all) => all.join("")),
      fc
        .array(fc.constantFrom("a", "b", "ä"), { minLength: 1, maxLength: 3 })
        .map((all) => all.join("")),
      fc.array(fc.nat(7), { maxLength: 40 }),
      (log, text, sizes) => {
        const expected = [];
        let offset = 0;
        for (const line of log.split(/(?<=\n)/)) {
          if (line.includes(text)) expected.push({ offset, line });
          offset += Buffer.byteLength(line);
        }
        expect(search(log, text, sizes)).toEqual(expected);
      },
    ),
    { numRuns: 2_000 },
  );
});

test("holds no more than the longest line that it looks at as a whole", () => {
  const log = `${"x".repeat(limits.logLineBytesMax)}needle${"x".repeat(10)}\nnext needle\n`;
  const found = search(log, "needle", [limits.logLineBytesMax]);
  expect(found.map(({ line }) => line)).toEqual([`needle${"x".repeat(10)}\n`, "next needle\n"]);
});

test("refuses what is no text on one line", () => {
  for (const text of ["", "a\nb", "x".repeat(limits.logSearchCharactersMax + 1)]) {
    expect(() => new LineSearch(text)).toThrow(/on one line/);
  }
});
