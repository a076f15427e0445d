import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { agentLimits } from "../../src/agent/limits.ts";
import { LogTimes } from "../../src/agent/log-times.ts";

const { logTimesMax } = agentLimits;

describe("when the bytes of a log came", () => {
  test("is known for every byte that is not acknowledged, to within the resolution", () => {
    const step = fc.record({
      bytes: fc.integer({ min: 1, max: 9 }),
      ms: fc.nat(200),
      ack: fc.nat(9),
    });
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const times = new LogTimes();
        const came: number[] = [];
        let [nowMs, acknowledged] = [0, 0];
        for (const { bytes, ms, ack } of steps) {
          nowMs += ms;
          times.came(came.length, nowMs);
          for (let n = 0; n < bytes; n++) came.push(nowMs);
          acknowledged = Math.min(came.length, acknowledged + ack);
          times.forget(acknowledged);
          const marks = times.between(acknowledged, came.length);
          for (let at = acknowledged; at < came.length; at++) {
            const known = marks.findLast(({ offset }) => offset <= at)?.atMs ?? Number.NaN;
            const late = (came[at] as number) - known;
            expect(late).toBeGreaterThanOrEqual(0);
            expect(late).toBeLessThan(agentLimits.logTimeResolutionMs);
          }
        }
      }),
    );
  });

  test("is kept in bounded memory through a day without a link, and stays in order", () => {
    const times = new LogTimes();
    const lines = 20 * 3_600;
    for (let n = 0; n < lines; n++) times.came(n * 10, n * 1_000);
    const marks = times.between(0, lines * 10);
    expect(marks.length).toBeLessThanOrEqual(logTimesMax);
    expect(marks.length).toBeGreaterThan(logTimesMax / 3);
    expect(marks[0]).toEqual({ offset: 0, atMs: 0 });
    for (const [index, { offset, atMs }] of marks.entries()) {
      expect(atMs).toBe(offset * 100);
      expect(offset).toBeGreaterThan(marks[index - 1]?.offset ?? -1);
    }
  });
});
