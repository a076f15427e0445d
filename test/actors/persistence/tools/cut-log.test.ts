/**
 * A reader that begins at a cut judges as one that has read everything: over random logs with take-overs, copies, late
 * frames and claims that were forestalled, cut at any place where an owner may cut.
 */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Position } from "../../../../src/actors/persistence/journal.ts";
import { memoryJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { CutLogStart, RecordJudge } from "../../../../src/actors/persistence/record-judge.ts";
import { rawFrame } from "./raw-frames.ts";

const journal = memoryJournal({ shards: 1 });
const identity = { journalId: journal.journalId, shard: 0 };

interface Written {
  readonly bytes: Buffer;
  readonly accepted: boolean;
  /** `term:seq`, of frames with events. */
  readonly name: string;
}

/** Plays a log: each step is what lands next. */
function play(steps: readonly { readonly kind: number; readonly pick: number }[]): Written[] {
  const log: Written[] = [];
  const owner = { term: 1, nonce: 10, seq: 0 };
  const sent: Buffer[] = [];
  /** Of a deposed owner, not landed yet. */
  let late: Buffer[] = [];
  const truth = new RecordJudge(identity);
  const land = (bytes: Buffer): void => {
    const at = log.length;
    const { frame, verdict } = truth.take({ position: at, next: at + 1, bytes });
    const name = frame?.kind === "data" ? `${frame.term}:${frame.seq}` : "";
    log.push({ bytes, accepted: verdict === "accept", name });
  };
  const data = (): Buffer => rawFrame(identity, { ...owner, kind: "data" });
  land(rawFrame(identity, { ...owner, kind: "claim" }));
  for (const { kind, pick } of steps) {
    if (kind < 5) {
      owner.seq += 1;
      const bytes = data();
      sent.push(bytes);
      land(bytes);
    } else if (kind === 5 && sent.length > 0) {
      land(sent[pick % sent.length] as Buffer);
    } else if (kind === 6) {
      // A frame that is still on its way when the next owner claims.
      const inFlight = rawFrame(identity, { ...owner, seq: owner.seq + 1, kind: "data" });
      late.push(inFlight);
      Object.assign(owner, { term: owner.term + 1 + (pick % 2), nonce: owner.nonce + 1, seq: 0 });
      land(rawFrame(identity, { ...owner, kind: "claim" }));
      // Nothing is served before the owner has written: it cannot cut before.
    } else if (kind === 7 && late.length > 0) {
      land(late[pick % late.length] as Buffer);
      late = late.slice(1);
    } else {
      const forestalled = { term: owner.term, nonce: 1_000 + pick, seq: 0 };
      land(rawFrame(identity, { ...forestalled, kind: "claim" }));
    }
  }
  return log;
}

/** Places where the claim that is current there has a frame of its own above, before any higher claim counts. */
function cutsOf(log: readonly Written[]): number[] {
  const termAt: number[] = [];
  const judge = new RecordJudge(identity);
  log.forEach(({ bytes }, at) => {
    termAt.push(judge.state.term);
    judge.take({ position: at, next: at + 1, bytes });
  });
  return log.flatMap((_, low) => {
    const term = termAt[low] as number;
    const own = log.findIndex(({ accepted, name }, at) => {
      return at >= low && accepted && name.startsWith(`${term}:`);
    });
    return low > 0 && own >= 0 ? [low] : [];
  });
}

function readFrom(log: readonly Written[], low: Position) {
  const start = new CutLogStart(identity, low);
  const rest = log.slice(low).map(({ bytes }, index) => {
    return { position: low + index, next: low + index + 1, bytes };
  });
  for (const record of rest) if (start.look(record)) break;
  const judge = new RecordJudge(identity, start.state);
  return rest.map((record) => judge.take(record).verdict);
}

const losses = ["gap", "unknown-claim", "other-claim", "damaged"];

test("property: what counts from a cut on is what counted before it was made", () => {
  const step = fc.record({ kind: fc.integer({ min: 0, max: 8 }), pick: fc.nat(20) });
  let cuts = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const log = play(steps);
      for (const low of cutsOf(log)) {
        cuts += 1;
        const verdicts = readFrom(log, low);
        const earlier = new Set(
          log
            .slice(0, low)
            .filter((f) => f.accepted)
            .map((f) => f.name),
        );
        verdicts.forEach((verdict, index) => {
          const { accepted, name } = log[low + index] as Written;
          expect(losses).not.toContain(verdict);
          if (accepted) expect(verdict).toBe("accept");
          // A copy of what was cut away may stand for its original: it did count, and is shown once.
          else if (verdict === "accept") expect(earlier).toContain(name);
        });
        const shown = verdicts.flatMap((verdict, index) => {
          const { name } = log[low + index] as Written;
          return verdict === "accept" && name !== "" ? [name] : [];
        });
        expect(new Set(shown).size).toBe(shown.length);
      }
    }),
    { numRuns: 500 },
  );
  expect(cuts).toBeGreaterThan(1_000);
});
