import { existsSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { LogSpool, type LogSpoolOptions } from "../../src/agent/log-spool.ts";
import { temporaryFolder } from "./support/folder.ts";

const block = 64 * 1024;

function spoolIn(folder: string, options: Partial<LogSpoolOptions> = {}): LogSpool {
  const small = { memoryBytesMax: 2 * block, segmentBytes: 3 * block, blockBytesMax: block };
  return new LogSpool({ folder, ...small, ...options });
}

const actionsMax = 25;
const appendBytesMax = 3 * block;

/**
 * Bytes whose value tells their place: a pattern whose period shares no factor with a block's length, as long as all
 * that a test can leave unacknowledged.
 */
const period = Buffer.from(Array.from({ length: 251 }, (_, at) => (at * 31) % 251));
const pattern = Buffer.alloc(period.length + actionsMax * appendBytesMax, period);

function bytesFrom(offset: number, length: number): Buffer {
  const from = offset % period.length;
  const bytes = pattern.subarray(from, from + length);
  expect(bytes.length, "the pattern is too short").toBe(length);
  return bytes;
}

function readAll(spool: LogSpool, from: number): Buffer {
  const pieces: Buffer[] = [];
  let at = from;
  while (at < spool.end) {
    const piece = spool.read(at, 50_000);
    pieces.push(Buffer.from(piece));
    at += piece.length;
  }
  return Buffer.concat(pieces);
}

function segmentsIn(folder: string): string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}

describe("the log spool", () => {
  test.each([1, 4])(
    "gives back what was appended, from memory and from disk, as acknowledgements go on; blocks up to %i times the first",
    (times) => {
      const folders = temporaryFolder();
      let runs = 0;
      const action = fc.oneof(
        fc.record({ append: fc.integer({ min: 0, max: appendBytesMax }) }),
        fc.record({ acknowledge: fc.double({ min: 0, max: 1, noNaN: true }) }),
      );
      fc.assert(
        fc.property(fc.array(action, { maxLength: actionsMax }), (actions) => {
          // Of its own: what a failed run leaves must not fail those by which it is made smaller.
          const folder = join(folders, String(++runs));
          const spool = spoolIn(folder, { blockBytesMax: times * block });
          let acknowledged = 0;
          for (const step of actions) {
            if ("append" in step) spool.append(bytesFrom(spool.end, step.append));
            else {
              acknowledged += Math.floor((spool.end - acknowledged) * step.acknowledge);
              spool.acknowledge(acknowledged);
            }
            expect(spool.acknowledged).toBe(acknowledged);
            const kept = readAll(spool, acknowledged);
            expect(kept.equals(bytesFrom(acknowledged, spool.end - acknowledged))).toBe(true);
          }
          spool.close();
          expect(segmentsIn(folder)).toEqual([]);
        }),
        { numRuns: Number(process.env["TROUPE_SPOOL_RUNS"] ?? 60) },
      );
    },
  );

  test("deletes a segment when all of it is acknowledged, and no sooner", () => {
    const folder = join(temporaryFolder(), "spool");
    const spool = spoolIn(folder);
    spool.append(bytesFrom(0, 9 * block));
    expect(segmentsIn(folder)).toEqual(["1.log", "2.log", "3.log"]);
    // Two blocks are in memory, three in the first segment.
    spool.acknowledge(5 * block - 1);
    expect(segmentsIn(folder)).toContain("1.log");
    spool.acknowledge(5 * block);
    expect(segmentsIn(folder)).toEqual(["2.log", "3.log"]);
    expect(readAll(spool, 5 * block).equals(bytesFrom(5 * block, 4 * block))).toBe(true);
    spool.acknowledge(9 * block);
    expect(segmentsIn(folder).length).toBeLessThanOrEqual(1);
    spool.close();
  });

  test("a trickle that is acknowledged piece by piece never touches the disk", () => {
    const folder = join(temporaryFolder(), "spool");
    const spool = spoolIn(folder, { memoryBytesMax: 0 });
    for (let count = 0; count < 5_000; count++) {
      spool.append(bytesFrom(spool.end, 10));
      spool.acknowledge(spool.end);
    }
    expect(segmentsIn(folder)).toEqual([]);
    expect(spool.end).toBe(50_000);
  });

  test("has no room above its bound, and room again after acknowledgements", () => {
    const spool = spoolIn(temporaryFolder(), { spoolBytesMax: 4 * block });
    spool.append(bytesFrom(0, 4 * block - 1));
    expect(spool.hasRoom).toBe(true);
    spool.append(bytesFrom(spool.end, 1));
    expect(spool.hasRoom).toBe(false);
    spool.acknowledge(1);
    expect(spool.hasRoom).toBe(true);
    spool.close();
  });

  test("a disk that refuses costs room, never bytes", () => {
    const errors: Error[] = [];
    // A folder below a file cannot be made, whoever asks.
    const spool = spoolIn("/dev/null/spool", { onDiskError: (error) => errors.push(error) });
    spool.append(bytesFrom(0, 5 * block));
    expect(errors).toHaveLength(1);
    expect(spool.hasRoom).toBe(false);
    expect(readAll(spool, 0).equals(bytesFrom(0, 5 * block))).toBe(true);
    spool.acknowledge(block);
    expect(spool.hasRoom).toBe(true);
    spool.close();
  });

  test("ignores acknowledgements of what is already forgotten or does not exist", () => {
    const spool = spoolIn(temporaryFolder());
    spool.append(bytesFrom(0, 100));
    spool.acknowledge(60);
    spool.acknowledge(20);
    spool.acknowledge(101);
    expect(spool.acknowledged).toBe(60);
    expect(readAll(spool, 60).equals(bytesFrom(60, 40))).toBe(true);
    spool.close();
  });

  test("is the same for a later process, wherever its bytes were", () => {
    const step = fc.record({
      append: fc.integer({ min: 0, max: appendBytesMax }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 6 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (steps, late) => {
          const folder = join(temporaryFolder(), "spool");
          const first = spoolIn(folder);
          for (const { append, part } of steps) {
            first.append(bytesFrom(first.end, append));
            first.acknowledge(
              first.acknowledged + Math.floor((first.end - first.acknowledged) * part),
            );
          }
          const stored = first.store();
          const { end } = first;
          first.acknowledge(first.acknowledged + Math.floor((end - first.acknowledged) * late));
          const wanted = first.acknowledged;
          first.release();
          const second = LogSpool.restore(folder, JSON.parse(JSON.stringify(stored)));
          expect([second.end, second.acknowledged <= wanted]).toEqual([end, true]);
          expect(readAll(second, wanted).equals(bytesFrom(wanted, end - wanted))).toBe(true);
          second.release();
        },
      ),
      { numRuns: 60 },
    );
  });

  test("that was cut by somebody else is not taken for whole", () => {
    const folder = join(temporaryFolder(), "spool");
    const spool = spoolIn(folder);
    spool.append(bytesFrom(0, 9 * block));
    const stored = spool.store();
    spool.release();
    rmSync(join(folder, "2.log"));
    expect(() => LogSpool.restore(folder, stored)).toThrow(/2\.log/);
    writeFileSync(join(folder, "2.log"), "short");
    expect(() => LogSpool.restore(folder, stored)).toThrow(/2\.log is not complete/);
  });
});
