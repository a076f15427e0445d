import { expect, test } from "vitest";
import type { Frame } from "../../../src/actors/persistence/frame.ts";
import { FrameCache } from "../../../src/actors/persistence/frame-cache.ts";

const frame = (bytes: number): Frame => ({ bytes: Buffer.alloc(bytes) }) as Frame;

test("the longest unused frames go first, and the bound holds", () => {
  const cache = new FrameCache(1_000);
  const frames = Array.from({ length: 12 }, () => frame(100));
  for (const [position, each] of frames.slice(0, 10).entries()) cache.put(0, position, each);
  expect(cache.get(0, 0)).toBe(frames[0]);
  for (const position of [10, 11]) cache.put(0, position, frames[position] as Frame);
  expect(cache.bytes).toBe(1_000);
  expect([0, 1, 2, 3, 11].map((position) => cache.get(0, position) !== undefined)).toEqual([
    true,
    false,
    false,
    true,
    true,
  ]);
});

test("shards are kept apart, a frame counts once, and a large one is not kept", () => {
  const cache = new FrameCache(1_000);
  const [one, other] = [frame(100), frame(100)];
  cache.put(1, 23, one);
  cache.put(1, 23, one);
  cache.put(12, 3, other);
  cache.put(0, 0, frame(126));
  expect(cache.get(1, 23)).toBe(one);
  expect(cache.get(12, 3)).toBe(other);
  expect(cache.get(0, 0)).toBeUndefined();
  expect(cache.bytes).toBe(200);
});
