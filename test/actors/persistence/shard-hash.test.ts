import fc from "fast-check";
import { expect, test } from "vitest";
import xxhash from "xxhash-wasm";
import { hashText, shardOfId } from "../../../src/actors/persistence/shard-hash.ts";

test("the published values of xxHash32 with seed 0", () => {
  expect(hashText("")).toBe(0x02cc5d05);
  expect(hashText("a")).toBe(0x550d7456);
  expect(hashText("abc")).toBe(0x32d153ff);
  expect(hashText("Nobody inspects the spammish repetition")).toBe(0xe2293b2f);
});

test("any text hashes as the reference implementation does", async () => {
  const reference = await xxhash();
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 400 }),
      (text) => hashText(text) === reference.h32(text),
    ),
    { numRuns: 2_000 },
  );
});

test("where ids belong is part of the data format", () => {
  const ids = ["account/alice", "account/bob", "pipeline-run/größe", "worker/😀"];
  expect(ids.map((id) => shardOfId(id, 64))).toEqual([40, 2, 56, 11]);
});

test("ids spread evenly", () => {
  const counts = new Array<number>(64).fill(0);
  for (let index = 0; index < 64_000; index++) {
    const shard = shardOfId(`account/user-${index}`, 64);
    counts[shard] = (counts[shard] ?? 0) + 1;
  }
  expect(Math.min(...counts)).toBeGreaterThan(850);
  expect(Math.max(...counts)).toBeLessThan(1_150);
});
