import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  emptyRankSet,
  firstRank,
  type RankSet,
  RankSetEdit,
} from "../../../src/actors/pipelines/rank-set.ts";

describe("rank set", () => {
  it("does what a Set does, and leaves earlier versions alone", () => {
    const change = fc.record({ add: fc.boolean(), rank: fc.integer({ min: 0, max: 4_999 }) });
    fc.assert(
      fc.property(fc.array(fc.array(change, { maxLength: 5 }), { maxLength: 60 }), (edits) => {
        const model = new Set<number>();
        let set: RankSet = emptyRankSet(5_000);
        for (const changes of edits) {
          const before = set;
          const copy = JSON.stringify(before);
          const edit = new RankSetEdit(set);
          for (const { add, rank } of changes) {
            if (add) edit.add(rank);
            else edit.delete(rank);
            if (add) model.add(rank);
            else model.delete(rank);
            expect(edit.has(rank)).toBe(add);
          }
          set = edit.done();
          expect(JSON.stringify(before)).toBe(copy);
          expect(firstRank(set)).toBe(model.size === 0 ? undefined : Math.min(...model));
        }
      }),
    );
  });

  it("holds the last rank of a word and of a chunk", () => {
    for (const rank of [0, 31, 32, 1_023, 1_024, 2_047]) {
      const edit = new RankSetEdit(emptyRankSet(2_048));
      edit.add(rank);
      expect(firstRank(edit.done())).toBe(rank);
      expect(firstRank(JSON.parse(JSON.stringify(edit.done())) as RankSet)).toBe(rank);
    }
  });
});
