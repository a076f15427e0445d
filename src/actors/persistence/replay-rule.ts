/**
 * The replay rule: which frames of a shard count. Every reader of a log applies this one pure rule
 * from the same start, so all of them see the same events, whatever retries, late writes and
 * deposed owners have left in the log.
 *
 *  - A claim counts if its term is higher than the current one, in the order of the log.
 *  - A data or checkpoint frame counts if it bears the current claim's term and nonce, and its seq is
 *    exactly one above the last.
 *  - Everything else is skipped, with a reason.
 *
 * An owner has one frame in flight and sends the next only when that one has been confirmed; it
 * serves only after it has read its own claim. So some skips cannot happen in a whole log:
 * where one does, acknowledged events are missing, and a reader must say so instead of going on.
 */
import type { FrameFault, FrameNumbers } from "./frame.ts";

/** The claim that is current at some place of the log, and how far it has come. */
export interface ReplayState {
  /** 0 = nobody has claimed yet. */
  readonly term: number;
  readonly nonce: number;
  /** Of the last frame that counted; -1 before the first claim. */
  readonly seq: number;
  /** Who holds the claim, for messages. */
  readonly node: string;
}

export type SkipReason =
  /** A claim that another one of the same or a higher term has forestalled. */
  | "claim-too-low"
  /** Of an owner that has been deposed. */
  | "older-term"
  /** A copy of a frame that has counted already. */
  | "repeated"
  /** Of the current term, but of a claim that did not count: its writer must not have served. */
  | "other-claim"
  /** Of a claim that is nowhere in the log. */
  | "unknown-claim"
  /** The frame before it is nowhere in the log. */
  | "gap"
  | FrameFault;

export type Verdict = "accept" | SkipReason;

export type ReplayRule = (state: ReplayState, frame: FrameNumbers) => Verdict;

export const EMPTY_LOG: ReplayState = { term: 0, nonce: 0, seq: -1, node: "" };

/** Whether the frame counts after a log that has led to `state`. */
export function judge(state: ReplayState, frame: FrameNumbers): Verdict {
  if (frame.kind === "claim") return frame.term > state.term ? "accept" : "claim-too-low";
  if (frame.term !== state.term) return frame.term < state.term ? "older-term" : "unknown-claim";
  if (frame.nonce !== state.nonce) return "other-claim";
  if (frame.seq === state.seq + 1) return "accept";
  return frame.seq <= state.seq ? "repeated" : "gap";
}

/** The state after a frame that counted. */
export function advance(
  state: ReplayState,
  frame: FrameNumbers & { readonly node: string },
): ReplayState {
  const { term, nonce, seq } = frame;
  return { term, nonce, seq, node: frame.kind === "claim" ? frame.node : state.node };
}

/** Skips that prove that something which was acknowledged is missing from the log or unreadable. */
export function provesLoss(reason: SkipReason): boolean {
  return losses.has(reason);
}

const losses: ReadonlySet<SkipReason> = new Set<SkipReason>([
  "other-claim",
  "unknown-claim",
  "gap",
  "damaged",
  "newer-version",
]);
