import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NameIndex } from "../../../src/actors/pipelines/name-index.ts";

/** What a Map would say: the first position of each name. */
function expectLikeMap(names: readonly string[], others: readonly string[]): void {
  const index = new NameIndex(names.length);
  const map = new Map<string, number>();
  for (const [position, name] of names.entries()) {
    expect(index.get(name)).toBe(map.get(name));
    if (!map.has(name)) map.set(name, position);
    expect(index.add(name)).toBe(map.get(name));
  }
  for (const name of [...names, ...others]) expect(index.get(name)).toBe(map.get(name));
  expect([...index.keys()]).toEqual([...map.keys()]);
}

describe("the index of names", () => {
  test("does what a map does", () => {
    // Few letters: many repetitions.
    const name = fc.string({ unit: fc.constantFrom("a", "b", "ü", "-"), maxLength: 4 });
    fc.assert(fc.property(fc.array(name), fc.array(name), expectLikeMap));
  });

  test("names that somebody made up so that they all meet are found, and cost no more than others", () => {
    const few = 64;
    const meeting: string[] = [];
    for (let i = 0; meeting.length < few; i++) {
      const name = `n${i}`;
      if ((fnv(name) & (4 * few - 1)) === 5) meeting.push(name);
    }
    expectLikeMap([...meeting, ...meeting.slice(0, 3)].slice(0, few), ["n", "x", ""]);
    expectLikeMap(meeting, meeting);
  });

  test("an empty one finds nothing", () => {
    expectLikeMap([], ["a", ""]);
  });
});

/** The index's own hash, stated again: only who knows it can make names meet. */
function fnv(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
