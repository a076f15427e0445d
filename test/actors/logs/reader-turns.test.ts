import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { limits } from "../../../src/actors/kernel/index.ts";
import { FolderLogStore } from "../../../src/actors/logs/index.ts";
import { ReaderTurns } from "../../../src/actors/logs/reader-turns.ts";

const round = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("readers of logs", () => {
  it("get so many turns between two rounds of the event loop, in the order in which they came", async () => {
    const turns = new ReaderTurns(3);
    const served: number[] = [];
    const readers = Array.from({ length: 10 }, async (_, n) => {
      await turns.take();
      served.push(n);
    });
    const after: number[] = [];
    while (served.length < 10) {
      await Promise.resolve();
      after.push(served.length);
      await round();
    }
    await Promise.all(readers);
    expect(served).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    for (const [index, count] of after.entries()) {
      expect(count - (after[index - 1] ?? 0)).toBeLessThanOrEqual(3);
    }
    await round();
    expect([turns.take(), turns.take(), turns.take()]).toEqual([undefined, undefined, undefined]);
    expect(turns.take()).toBeInstanceOf(Promise);
  });

  it("a thousand of them, all of whom read all they can, let a writer through", async () => {
    const directory = await mkdtemp(join(tmpdir(), "troupe-"));
    const store = new FolderLogStore({ directory });
    const leave = new AbortController();
    const key = { runId: "r", job: "j", attempt: 1 };
    let read = 0;
    const followers = Array.from({ length: 1_000 }, async () => {
      for await (const _piece of store.follow(key, 0, leave.signal)) read++;
    });
    onTestFinished(async () => {
      leave.abort();
      await Promise.all(followers);
      await store.close();
      await rm(directory, { recursive: true, force: true });
    });
    let rounds = 0;
    const counting = async (): Promise<void> => {
      for (; !leave.signal.aborted; rounds++) await round();
    };
    const counted = counting();
    const chunk = Buffer.alloc(256 * 1_024, "x");
    for (let n = 0; n < 40; n++) await store.append(key, n * chunk.length, chunk);
    // All of it would be 160,000 pieces.
    const [readByThen, roundsByThen] = [read, rounds];
    expect(readByThen).toBeLessThanOrEqual((roundsByThen + 1) * limits.logReadsPerRound);
    leave.abort();
    await counted;
    expect(await store.end(key)).toBe(40 * chunk.length);
  });
});
