/**
 * Plausible wrong versions of the protocol, each with one of its rules left out. A check that does not catch each of
 * them proves nothing. U1 … U11 are the ways in which a log without such rules breaks; the test's header lists them.
 */
import { crc32 } from "node:zlib";
import { readEvents } from "../../src/actors/persistence/event-codec.ts";
import { type Frame, FrameReader } from "../../src/actors/persistence/frame.ts";
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalPage,
} from "../../src/actors/persistence/journal.ts";
import { EMPTY_LOG, judge, type ReplayRule } from "../../src/actors/persistence/replay-rule.ts";
import type { SnapshotStore } from "../../src/actors/persistence/snapshot-store.ts";
import type { Mutation } from "./journal-node.ts";
import { JOURNAL_ID } from "./journal-world.ts";
import { FOREIGN_JOURNAL_ID } from "./snapshot-world.ts";

// ── rules ──────────────────────────────────────────────────────────────────────────────────

const epochFilterAlone: ReplayRule = (state, frame) => {
  if (frame.kind === "claim") return judge(state, frame);
  return frame.term === state.term && frame.nonce === state.nonce ? "accept" : "older-term";
};

const seqGrows: ReplayRule = (state, frame) => {
  const verdict = judge(state, frame);
  return verdict === "gap" ? "accept" : verdict;
};

const equalTermCounts: ReplayRule = (state, frame) => {
  if (frame.kind !== "claim") return judge(state, frame);
  return frame.term >= state.term ? "accept" : "claim-too-low";
};

const termAlone: ReplayRule = (state, frame) => {
  if (frame.kind === "claim") return equalTermCounts(state, frame);
  return judge({ ...state, nonce: frame.nonce }, frame);
};

// ── what an owner makes of the journal's answers ───────────────────────────────────────────

const reader = new FrameReader(JOURNAL_ID, 0);

function frameIn({ bytes }: AppendRequest): Frame {
  const frame = reader.read(bytes);
  if (typeof frame === "string") throw new Error(`an owner has written what is ${frame}`);
  return frame;
}

/** A journal whose answers are read wrongly. */
function misread(
  read: (
    result: AppendResult,
    request: AppendRequest,
    journal: Journal,
  ) => AppendResult | Promise<AppendResult>,
): NonNullable<Mutation["journal"]> {
  return (journal) => ({
    ...journal,
    append: async (requests) => {
      const results = await journal.append(requests);
      return Promise.all(
        results.map(async (result, index) =>
          read(result, requests[index] as AppendRequest, journal),
        ),
      );
    },
  });
}

const errorIsNotWritten = misread((result) =>
  result.outcome === "uncertain" ? { outcome: "refused", cause: result.cause } : result,
);

/** What cannot be read after an error counts as not written. */
const endProvesAbsence = misread(async (result, request, journal) => {
  if (result.outcome !== "uncertain") return result;
  let page: JournalPage;
  try {
    page = await journal.read(0, request.expected, 1_000_000);
  } catch {
    return result;
  }
  const isThere = page.records.some(({ bytes }) => Buffer.compare(bytes, request.bytes) === 0);
  return isThere ? result : { outcome: "refused", cause: result.cause };
});

/** The frame may be in the log or not; its owner goes on with the next seq. */
const nextGoesOut = misread((result, { expected }) =>
  result.outcome === "uncertain"
    ? { outcome: "at", at: expected, next: expected + 1, clean: true }
    : result,
);

const clean = (result: AppendResult): AppendResult =>
  result.outcome === "at" ? { ...result, clean: true } : result;

const acknowledgedClaimHolds = misread((result, request) =>
  frameIn(request).kind === "claim" ? clean(result) : result,
);

/** Only other claims are looked for between what was swept and the own claim. */
const sweepEndsBeforeClaim = misread(async (result, request, journal) => {
  const own = frameIn(request);
  if (own.kind !== "claim" || result.outcome !== "at") return result;
  let page: JournalPage;
  try {
    page = await journal.read(0, request.expected, 1_000_000);
  } catch {
    return result;
  }
  const isForestalled = page.records.some(({ bytes, position }) => {
    const frame = reader.read(bytes);
    return position < result.at && typeof frame !== "string" && frame.term >= own.term;
  });
  return isForestalled ? result : clean(result);
});

/** What is sent again under one seq is not what was sent first. */
function reusesSeq(journal: Journal): Journal {
  let sentBefore = "";
  const reused = (request: AppendRequest): AppendRequest => {
    const bytes = Buffer.from(request.bytes);
    const frame = frameIn({ ...request, bytes });
    if (frame.kind !== "data") return request;
    const number = `${frame.term} ${frame.nonce} ${frame.seq}`;
    const isAgain = number === sentBefore;
    sentBefore = number;
    const first = readEvents(frame, 0).find(({ kind }) => kind === "event");
    if (!isAgain || first === undefined) return request;
    // Another event takes the place of the first one: behind one byte of kind stands its id.
    (first.payload as Buffer).writeUInt32BE(1_000_000 + frame.seq, 1);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    return { ...request, bytes };
  };
  return { ...journal, append: (requests) => journal.append(requests.map(reused)) };
}

// ── what is made of snapshots ──────────────────────────────────────────────────────────────

function ofAnyJournal(store: SnapshotStore): SnapshotStore {
  return {
    ...store,
    load: async ({ persistenceId }, bounds) =>
      (await store.load({ journalId: FOREIGN_JOURNAL_ID, persistenceId }, bounds)) ??
      store.load({ journalId: JOURNAL_ID, persistenceId }, bounds),
  };
}

/** What the snapshots hold need not be in the log. */
const snapshotsReplaceBases: NonNullable<Mutation["rules"]> = ({ snapshots }) => ({
  needsCopy: (entry, cut) => entry.from < cut && !snapshots.hasSavedAt(entry.position),
});

export const mutants: Readonly<Record<string, Mutation>> = {
  "U1: acknowledged elsewhere than expected means deposed": {
    rules: () => ({ readsGap: false }),
  },
  "U2: the epoch filter alone": { rules: () => ({ judge: epochFilterAlone }) },
  "U3: the next frame goes out over one whose fate is unknown, and may count": {
    rules: () => ({ judge: seqGrows }),
    journal: nextGoesOut,
  },
  "U3: the next frame goes out over one whose fate is unknown": { journal: nextGoesOut },
  "U4: an error means: not written": { journal: errorIsNotWritten },
  "U4: a seq is used again for other data": { journal: reusesSeq },
  "U5: what cannot be read after an error was not written": { journal: endProvesAbsence },
  "U6: a claim of an equal term counts": { rules: () => ({ judge: equalTermCounts }) },
  "U6: terms come from a counter that goes back, and are all that tells owners apart": {
    rules: ({ world }) => ({
      judge: termAlone,
      nextTerm: (seen) => Math.max(1, seen + (world.draw() < 0.3 ? 0 : 1)),
    }),
  },
  "U7: a claim that was acknowledged holds": { journal: acknowledgedClaimHolds },
  "U8: the sweep ends where the log seemed to end, before the own claim": {
    journal: sweepEndsBeforeClaim,
  },
  "U9: a checkpoint does not say under whose claim it was written": {
    rules: () => ({ startAt: () => EMPTY_LOG }),
  },
  "U10: what a snapshot holds is cut away": { rules: snapshotsReplaceBases },
  "U10: a snapshot counts, whatever journal it is of": { snapshots: ofAnyJournal },
  "U11: a read is answered at once": { readsWait: false },
  "an acknowledged frame counts, whatever lies before it": { journal: misread(clean) },
  "recovery from the last checkpoint in the log": {
    rules: () => ({ trustUnconfirmedCheckpoints: true }),
  },
  "a cut without copying forward": { rules: () => ({ needsCopy: () => false }) },
  "copying only entities whose last event is below the cut": {
    rules: () => ({ needsCopy: (entry, cut) => entry.position < cut }),
  },
  "a cut before the pointer is confirmed": { rules: () => ({ pointsBeforeCut: false }) },
  "a pointer that is met on the way is not taken over": {
    rules: () => ({ adoptPointer: (known) => known }),
  },
  "a deposed owner never claims again": {
    rules: () => ({ reclaimsMax: 0 }),
    options: { stalledRetryMs: 1e9 },
  },
};
