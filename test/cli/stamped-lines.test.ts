import fc from "fast-check";
import { expect, it } from "vitest";
import { MatchingLines } from "../../src/cli/render/matching-lines.ts";
import { StampedLines } from "../../src/cli/render/stamped-lines.ts";

const [first, second] = ["1970-01-01T00:00:01.000Z ", "1970-01-01T00:00:02.000Z "];
const unknown = " ".repeat(first.length);
const log = "one\nab\n\nthree ab";
const times = [
  { offset: 2, atMs: 1_000 },
  { offset: 7, atMs: 2_000 },
];

/** What of `times` holds for a piece, as the server says it. */
function piece(offset: number, data: Buffer) {
  const end = offset + data.length;
  const before = times.findLast((time) => time.offset <= offset);
  const within = times.filter((time) => time.offset > offset && time.offset < end);
  return { offset, data, times: before === undefined ? within : [before, ...within] };
}

it("a log is stamped line by line, wherever it is cut", () => {
  fc.assert(
    fc.property(fc.nat(log.length), (cut) => {
      const [whole, all] = [Buffer.from(log), new StampedLines()];
      const grep = new MatchingLines(/ab/u, { withTimes: true });
      let [stamped, matching] = ["", ""];
      for (const part of [piece(0, whole.subarray(0, cut)), piece(cut, whole.subarray(cut))]) {
        stamped += all.push(part).toString();
        matching += grep.push(part).toString();
      }
      expect(stamped).toBe(`${unknown}one\n${first}ab\n${second}\n${second}three ab`);
      expect(matching + grep.end().toString()).toBe(`${first}ab\n${second}three ab\n`);
    }),
  );
});
