import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { MatchingLines } from "../../src/cli/render/matching-lines.ts";

function matching(pattern: RegExp, pieces: readonly Buffer[]): { text: string; found: boolean } {
  const lines = new MatchingLines(pattern);
  const shown: Buffer[] = pieces.map((piece) =>
    Buffer.from(lines.push({ offset: 0, data: piece, times: [] })),
  );
  shown.push(lines.end());
  return { text: Buffer.concat(shown).toString(), found: lines.found };
}

describe("the lines that match", () => {
  it("are the same wherever the log is cut", () => {
    const line = fc.stringMatching(/^[ab ]{0,6}$/);
    fc.assert(
      fc.property(fc.array(line), fc.boolean(), fc.nat(60), (lines, ended, cut) => {
        const whole = Buffer.from(lines.join("\n") + (ended && lines.length > 0 ? "\n" : ""));
        const pieces = [whole.subarray(0, cut), whole.subarray(cut)];
        const expected = lines.filter((text) => text.includes("ab"));
        const { text, found } = matching(/ab/u, pieces);
        expect(text).toBe(expected.map((each) => `${each}\n`).join(""));
        expect(found).toBe(expected.length > 0);
      }),
    );
  });

  it("match through colours, which they keep", () => {
    const red = "\u001b[31mer\u001b[1mror\u001b[0m: x\n";
    expect(matching(/^error:/u, [Buffer.from(`fine\n${red}`)]).text).toBe(red);
  });

  it("need no more memory for a line without end than its bound", () => {
    const { text } = matching(
      /^x/u,
      Array.from({ length: 50 }, () => Buffer.alloc(10_000, "x")),
    );
    expect(text).toHaveLength(64 * 1_024 + 1);
  });
});
