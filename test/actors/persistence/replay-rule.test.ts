import fc from "fast-check";
import { expect, test } from "vitest";
import type { FrameNumbers } from "../../../src/actors/persistence/frame.ts";
import {
  advance,
  EMPTY_LOG,
  judge,
  provesLoss,
  type ReplayState,
  type Verdict,
} from "../../../src/actors/persistence/replay-rule.ts";

type Numbers = FrameNumbers & { readonly node: string };

function frame(kind: FrameNumbers["kind"], term: number, nonce: number, seq = 0): Numbers {
  return {
    kind,
    term,
    nonce,
    seq,
    confirmedCheckpoint: -1,
    clusterView: 1,
    node: `owner-${nonce}`,
  };
}

/** A transcript: each frame with what becomes of it. */
function replay(frames: readonly Numbers[]): { state: ReplayState; verdicts: Verdict[] } {
  let state = EMPTY_LOG;
  const verdicts = frames.map((each) => {
    const verdict = judge(state, each);
    if (verdict === "accept") state = advance(state, each);
    return verdict;
  });
  return { state, verdicts };
}

test("a take-over: what the old owner writes afterwards is void", () => {
  const { verdicts, state } = replay([
    frame("claim", 1, 100),
    frame("data", 1, 100, 1),
    frame("data", 1, 100, 2),
    frame("claim", 2, 200),
    frame("data", 1, 100, 3),
    frame("data", 2, 200, 1),
    frame("checkpoint", 1, 100, 4),
  ]);
  expect(verdicts).toEqual([
    "accept",
    "accept",
    "accept",
    "accept",
    "older-term",
    "accept",
    "older-term",
  ]);
  expect(state).toEqual({ term: 2, nonce: 200, seq: 1, node: "owner-200" });
});

test("of two claims of one term the first in the log holds", () => {
  const { verdicts, state } = replay([
    frame("claim", 3, 100),
    frame("claim", 3, 200),
    frame("claim", 2, 300),
    frame("data", 3, 200, 1),
  ]);
  expect(verdicts).toEqual(["accept", "claim-too-low", "claim-too-low", "other-claim"]);
  expect(state.nonce).toBe(100);
});

test("copies are void, and a hole is told from a copy", () => {
  const { verdicts } = replay([
    frame("claim", 1, 100),
    frame("data", 1, 100, 1),
    frame("data", 1, 100, 1),
    frame("data", 1, 100, 3),
    frame("data", 2, 200, 1),
  ]);
  expect(verdicts).toEqual(["accept", "accept", "repeated", "gap", "unknown-claim"]);
  expect(verdicts.map((verdict) => verdict !== "accept" && provesLoss(verdict))).toEqual([
    false,
    false,
    false,
    true,
    true,
  ]);
});

/**
 * Owners as the protocol has them: each writes its claim, then one frame after the other; any frame may be sent
 * several times, and copies may come late. An owner goes on only from what it saw accepted.
 */
test("any log that owners can produce counts each frame at most once, in order, under one owner at a time", () => {
  const plan = fc.array(
    fc.record({ frames: fc.nat(6), copies: fc.array(fc.nat(30), { maxLength: 12 }) }),
    { minLength: 1, maxLength: 6 },
  );
  fc.assert(
    fc.property(plan, (owners) => {
      const log: Numbers[] = [];
      for (const [index, { frames, copies }] of owners.entries()) {
        const own = Array.from({ length: frames + 1 }, (_, seq) =>
          frame(seq === 0 ? "claim" : "data", index + 1, 1_000 + index, seq),
        );
        const start = log.length;
        log.push(...own);
        // A late copy of any frame so far lands anywhere behind the original.
        for (const [nth, place] of copies.entries()) {
          const copied = nth % log.length;
          const at =
            Math.max(copied + 1, start) + (place % (log.length - Math.max(copied, start - 1)));
          log.splice(at, 0, log[copied] as Numbers);
        }
      }
      const { verdicts } = replay(log);
      const accepted = log.filter((_, index) => verdicts[index] === "accept");
      const names = accepted.map(({ term, nonce, seq }) => `${term} ${nonce} ${seq}`);
      expect(new Set(names).size).toBe(names.length);
      for (const [index, { term, seq }] of accepted.entries()) {
        const before = accepted[index - 1];
        if (seq > 0) expect([before?.term, before?.seq]).toEqual([term, seq - 1]);
      }
    }),
    { numRuns: 1_000 },
  );
});
