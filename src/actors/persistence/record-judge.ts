/**
 * Goes through the records of one shard in their order and says of each whether it counts. For readers of a whole
 * log: where a recovery ends with an error, this one goes on and leaves the judgement to its caller.
 */
import { type Frame, FrameReader } from "./frame.ts";
import type { Journal, JournalRecord, Position } from "./journal.ts";
import { advance, EMPTY_LOG, judge, type ReplayState, type Verdict } from "./replay-rule.ts";

/** Whose frames are to be judged. */
export interface ShardIdentity {
  /** 32 hex digits. */
  readonly journalId: string;
  readonly shard: number;
}

export interface JudgedRecord {
  readonly record: JournalRecord;
  /** undefined = the bytes are no frame of this shard; the verdict says why. */
  readonly frame: Frame | undefined;
  readonly verdict: Verdict;
}

export class RecordJudge {
  readonly #reader: FrameReader;
  #state: ReplayState;

  constructor({ journalId, shard }: ShardIdentity, state: ReplayState = EMPTY_LOG) {
    this.#reader = new FrameReader(journalId, shard);
    this.#state = state;
  }

  /** After everything taken so far. */
  get state(): ReplayState {
    return this.#state;
  }

  take(record: JournalRecord): JudgedRecord {
    const frame = this.#reader.read(record.bytes);
    if (typeof frame === "string") return { record, frame: undefined, verdict: frame };
    const verdict = judge(this.#state, frame);
    if (verdict === "accept") this.#state = advance(this.#state, frame);
    return { record, frame, verdict };
  }
}

/**
 * Finds the state in which a log that has been cut begins.
 *
 * The cut may have been made anywhere, so the first record may be a late one of a deposed owner. But an owner cuts
 * only when it has a checkpoint and a pointer to it above the cut (`copy-forward.ts`, T2). So the claim that was
 * current at the cut has frames above it, before any higher claim; and of all frames whose claim has been cut away
 * they bear the highest term. Of their numbers the last unbroken row counts: a frame is sent only when the one
 * before has been confirmed, so what lies before a hole in the row is a late copy of what was cut away.
 */
export class CutLogStart {
  readonly #low: Position;
  readonly #reader: FrameReader;
  readonly #claims = new Set<string>();
  #provenTerm = 0;
  #best: { term: number; nonce: number; node: string; first: number; last: number } | undefined;

  constructor(identity: ShardIdentity, low: Position) {
    this.#low = low;
    this.#reader = new FrameReader(identity.journalId, identity.shard);
  }

  /** Takes the records from the first one on; true = the rest will not change the state any more. */
  look(record: JournalRecord): boolean {
    const frame = this.#reader.read(record.bytes);
    if (typeof frame === "string") return false;
    const { kind, term, nonce } = frame;
    const claim = `${term} ${nonce}`;
    if (kind === "claim") this.#claims.add(claim);
    else if (this.#claims.has(claim)) this.#provenTerm = Math.max(this.#provenTerm, term);
    else if (term > this.#provenTerm) this.#takeHeadless(frame);
    return frame.confirmedCheckpoint >= this.#low;
  }

  #takeHeadless({ term, nonce, seq, node }: Frame): void {
    const best = this.#best;
    if (best === undefined || term > best.term) {
      this.#best = { term, nonce, node, first: seq, last: seq };
    } else if (term === best.term && nonce === best.nonce) {
      if (seq > best.last + 1) best.first = seq;
      best.last = Math.max(best.last, seq);
    }
  }

  get state(): ReplayState {
    if (this.#best === undefined) return EMPTY_LOG;
    const { term, nonce, node, first } = this.#best;
    return { term, nonce, node, seq: first - 1 };
  }
}

/** The state before the first record that a shard still has. */
export async function openingState(
  journal: Journal,
  shard: number,
  pageBytes: number,
): Promise<{ readonly low: Position; readonly state: ReplayState }> {
  const { low, end } = await journal.tail(shard);
  if (low === 0) return { low, state: EMPTY_LOG };
  const start = new CutLogStart({ journalId: journal.journalId, shard }, low);
  for (let at = low; at < end; ) {
    const page = await journal.read(shard, at, pageBytes);
    if (page.records.length === 0) break;
    if (page.records.some((record) => start.look(record))) break;
    at = page.next;
  }
  return { low, state: start.state };
}
