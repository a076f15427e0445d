import { describe, expect, it } from "vitest";
import type { AttemptResult } from "../../src/actors/workers/index.ts";
import { withStoredFiles } from "../../src/server/stored-files.ts";

const sha256 = "0".repeat(64);
const result: AttemptResult = { outcome: "succeeded", outputs: { a: "b" }, reason: "" };

const storeWith = (bytes: number | undefined) => ({
  stat: async (key: string) => (bytes === undefined ? undefined : { key, bytes, changedAtMs: 0 }),
});

describe("a result that names files", () => {
  it.each(["artifacts", "summary"] as const)("stands where its %s are stored", async (name) => {
    const named = { ...result, [name]: { sha256, bytes: 3 } };
    expect(await withStoredFiles(storeWith(3), named)).toBe(named);
  });

  it.each([
    ["none are stored", undefined],
    ["4 are stored", 4],
  ] as const)("is a failure where %s", async (words, bytes) => {
    for (const name of ["artifacts", "summary"] as const) {
      const named = { ...result, [name]: { sha256, bytes: 3 } };
      expect(await withStoredFiles(storeWith(bytes), named)).toEqual({
        ...result,
        outcome: "failed",
        reason: `the agent named ${name} of 3 bytes, and ${words}`,
      });
    }
  });

  it("needs no store where it names none", async () => {
    expect(await withStoredFiles(storeWith(undefined), result)).toBe(result);
  });
});
