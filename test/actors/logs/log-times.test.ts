import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it, onTestFinished } from "vitest";
import { FolderLogStore, type LogTime } from "../../../src/actors/logs/index.ts";
import { freshTimes, LogTimesCursor, timesBytes } from "../../../src/actors/logs/log-times.ts";

const key = { runId: "r", job: "j", attempt: 1 };

/** As they are kept: offsets and times grow. */
const keptTimes = fc
  .array(
    fc.record({ bytes: fc.integer({ min: 1, max: 50 }), ms: fc.integer({ min: 50, max: 900 }) }),
  )
  .map((steps) => {
    const times: LogTime[] = [];
    let last: LogTime = { offset: 0, atMs: 1_700_000_000_000 };
    for (const { bytes, ms } of steps) {
      last = { offset: last.offset + bytes, atMs: last.atMs + ms };
      times.push(last);
    }
    return times;
  });

describe("when a log's bytes came", () => {
  it("is found again for every byte, however the log is cut for its reader", async () => {
    await fc.assert(
      fc.asyncProperty(keptTimes, fc.array(fc.nat(200)), async (times, lengths) => {
        const bytes = timesBytes(times);
        const cursor = new LogTimesCursor(async (at, most) => bytes.subarray(at, at + most));
        let from = 0;
        for (const length of lengths) {
          const to = from + length;
          const found = await cursor.between(from, to);
          for (let offset = from; offset < to; offset += 7) {
            const known = times.findLast((time) => time.offset <= offset);
            expect(found.findLast((time) => time.offset <= offset)).toEqual(known);
          }
          from = to;
        }
      }),
    );
  });

  it("is not kept twice, backwards, or closer together than anybody sees", () => {
    const last = { offset: 10, atMs: 1_000 };
    const times = [
      { offset: 10, atMs: 9_000 },
      { offset: 11, atMs: 1_049 },
      { offset: 12, atMs: 1_050 },
      { offset: 13, atMs: 900 },
      { offset: 14, atMs: 1_100 },
    ];
    expect(freshTimes(last, times)).toEqual([times[2], times[4]]);
    expect(freshTimes(undefined, [last])).toEqual([last]);
  });

  it("outlives the process, also one that died within a record", async () => {
    const directory = await mkdtemp(join(tmpdir(), "troupe-"));
    onTestFinished(() => rm(directory, { recursive: true, force: true }));
    const first = new FolderLogStore({ directory });
    await first.append(key, 0, Buffer.from("a\n"), [{ offset: 0, atMs: 1_000 }]);
    await first.append(key, 2, Buffer.from("b\n"), [{ offset: 2, atMs: 2_000 }]);
    await first.close();
    await truncate(`${first.pathOf(key)}.times`, 19);

    const second = new FolderLogStore({ directory });
    onTestFinished(() => second.close());
    const reader = second.times(key);
    expect(await reader.between(0, 4)).toEqual([{ offset: 0, atMs: 1_000 }]);
    await second.append(key, 4, Buffer.from("c\n"), [{ offset: 4, atMs: 3_000 }]);
    expect(await reader.between(4, 6)).toEqual([{ offset: 4, atMs: 3_000 }]);
    expect(await second.times(key).between(5, 6)).toEqual([{ offset: 4, atMs: 3_000 }]);
  });
});
