/** Plausible wrong versions of the protocol. A check that does not catch each of them proves nothing. */
import { crc32 } from "node:zlib";
import { readEvents } from "../../src/actors/persistence/event-codec.ts";
import { FrameReader } from "../../src/actors/persistence/frame.ts";
import type { AppendRequest, AppendResult, Journal } from "../../src/actors/persistence/journal.ts";
import { judge, type ReplayRule } from "../../src/actors/persistence/replay-rule.ts";
import type { Mutation } from "./journal-node.ts";
import { JOURNAL_ID } from "./journal-world.ts";

/** The claim decides alone; copies and late frames under it count again. */
const epochFilterAlone: ReplayRule = (state, frame) => {
  if (frame.kind === "claim") return judge(state, frame);
  return frame.term === state.term && frame.nonce === state.nonce ? "accept" : "older-term";
};

/** Two claims of one term both count. */
const equalTermsClaim: ReplayRule = (state, frame) => {
  if (frame.kind !== "claim") return judge(state, frame);
  return frame.term >= state.term ? "accept" : "claim-too-low";
};

function mapResults(journal: Journal, map: (result: AppendResult) => AppendResult): Journal {
  return { ...journal, append: async (requests) => (await journal.append(requests)).map(map) };
}

/** What is sent again under one seq is not what was sent first. */
function reusesSeq(journal: Journal): Journal {
  const reader = new FrameReader(JOURNAL_ID, 0);
  let sentBefore = "";
  const reused = (request: AppendRequest): AppendRequest => {
    const bytes = Buffer.from(request.bytes);
    const frame = reader.read(bytes);
    if (typeof frame === "string" || frame.kind !== "data") return request;
    const number = `${frame.term} ${frame.nonce} ${frame.seq}`;
    const isAgain = number === sentBefore;
    sentBefore = number;
    const first = readEvents(frame, 0).find(({ kind }) => kind === "event");
    if (!isAgain || first === undefined) return request;
    // Another event takes the place of the first one.
    (first.payload as Buffer).writeUInt32LE(1_000_000 + frame.seq, 0);
    bytes.writeUInt32LE(crc32(bytes.subarray(0, -4)), bytes.length - 4);
    return { ...request, bytes };
  };
  return { ...journal, append: (requests) => journal.append(requests.map(reused)) };
}

export const mutants: Readonly<Record<string, Mutation>> = {
  "epoch filter alone": { rules: { judge: epochFilterAlone } },
  "a claim of an equal term counts": { rules: { judge: equalTermsClaim } },
  "an error means: not written": {
    journal: (journal) =>
      mapResults(journal, (result) =>
        result.outcome === "uncertain" ? { outcome: "refused", cause: result.cause } : result,
      ),
  },
  "an acknowledged frame counts, whatever lies before it": {
    journal: (journal) =>
      mapResults(journal, (result) =>
        result.outcome === "at" ? { ...result, clean: true } : result,
      ),
  },
  "a seq is used again for other data": { journal: reusesSeq },
  "recovery from the last checkpoint in the log": { rules: { trustUnconfirmedCheckpoints: true } },
  "a cut without copying forward": { rules: { needsCopy: () => false } },
  "copying only entities whose last event is below the cut": {
    rules: { needsCopy: (entry, cut) => entry.position < cut },
  },
  "a cut before the pointer is confirmed": { rules: { pointsBeforeCut: false } },
  "a pointer that is met on the way is not taken over": {
    rules: { adoptPointer: (known) => known },
  },
  "a deposed owner never claims again": {
    rules: { reclaimsMax: 0 },
    options: { stalledRetryMs: 1e9 },
  },
};
