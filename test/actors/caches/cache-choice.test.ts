/** What a person means by keys and a pipeline, and what of it is in the store. */
import { describe, expect, it } from "vitest";
import { freedBytesOf, unknownKeysOf } from "../../../src/actors/caches/cache-choice.ts";
import {
  type CacheEntry,
  cacheScope,
  chosenOf,
  pipelineOfScope,
  storedBytesOf,
} from "../../../src/actors/caches/index.ts";

function entry(pipeline: string, key: string, of: Partial<CacheEntry> = {}): CacheEntry {
  const scope = cacheScope(pipeline, ["deps"]);
  return { scope, key, sha256: key, bytes: 10, savedAtMs: 0, usedAtMs: 0, ...of };
}

const otherPaths = { scope: cacheScope("p", ["built"]) };
const entries = [entry("p", "a"), entry("p", "b"), entry("q", "a"), entry("p", "a", otherPaths)];

describe("a choice of caches", () => {
  it("is a key of all pipelines, of one, or all of one", () => {
    expect(chosenOf(entries, { keys: ["a"] })).toEqual([entries[0], entries[2], entries[3]]);
    expect(chosenOf(entries, { pipeline: "p", keys: ["a"] })).toEqual([entries[0], entries[3]]);
    expect(chosenOf(entries, { pipeline: "q" })).toEqual([entries[2]]);
    expect(chosenOf(entries, { pipeline: "p", keys: [] })).toEqual([]);
    expect(chosenOf(entries, {})).toEqual(entries);
  });

  it("takes names as they are, never as a beginning", () => {
    expect(chosenOf([entry("p/x", "a"), entry("pp", "a")], { pipeline: "p" })).toEqual([]);
    expect(pipelineOfScope(cacheScope("p/x", ["deps"]))).toBe("p/x");
  });

  it("says which of its keys nothing has, each once", () => {
    const choice = { pipeline: "q", keys: ["b", "a", "b", "c"] };
    expect(unknownKeysOf(chosenOf(entries, choice), choice)).toEqual(["b", "c"]);
    expect(unknownKeysOf([], { pipeline: "r" })).toEqual([]);
  });
});

it("the same content is stored once, and is free when nobody else names it", () => {
  const shared = [entry("p", "a"), entry("q", "b", { sha256: "a" }), entry("q", "c")];
  expect(storedBytesOf(shared)).toBe(20);
  expect(freedBytesOf(shared.slice(0, 1), shared.slice(1))).toBe(0);
  expect(freedBytesOf(shared.slice(0, 2), shared.slice(2))).toBe(10);
});
