/**
 * Taking a shard: a claim frame is appended and read back. The log alone says whether it holds.
 *
 *  C1. The cluster's view is read afresh before the claim, and again before the shard is served.
 *  C2. A claim holds only if it counts at its place in the log and nothing read behind it deposes it.
 *  C3. Each further try takes a higher term than every one before, so that a late copy of an abandoned try
 *      never deposes the try that held.
 */
import { reasonOf, TroupeError } from "../kernel/index.ts";
import { FrameWriter } from "./frame.ts";
import type { AppendResult, Position } from "./journal.ts";
import type { LogPrefix } from "./log-prefix.ts";
import { Backoff, pause } from "./pause.ts";
import type { ClusterView, ShardContext } from "./shard-context.ts";

/** A claim that holds. */
export interface Claim {
  readonly term: number;
  readonly nonce: number;
  readonly clusterView: number;
}

/** The highest term that this process has tried for a shard, held or not. */
export interface ClaimHistory {
  termTried: number;
}

const TRIES_MAX = 6;
/** Reads after an uncertain claim before another one is tried. */
const LOOKS_MAX = 3;
const PAUSE_MAX_MS = 1_000;

/** `not-ours`: the view gives the shard to another node. `forestalled`: others claimed higher each time. */
export type ClaimOutcome = Claim | "not-ours" | "forestalled";

/**
 * Claims the shard and extends `prefix` through the claim.
 * @throws TROUPE_JOURNAL_REFUSED; TROUPE_JOURNAL_OUT_OF_RANGE when a cut has overtaken the prefix;
 *   TROUPE_SHARD_NOT_SERVING when the journal confirms no claim; whatever reading the log or the view throws.
 */
export async function claimShard(
  context: ShardContext,
  prefix: LogPrefix,
  history: ClaimHistory,
): Promise<ClaimOutcome> {
  const { clock, random, options, observer, shard, views } = context;
  const startMs = clock.monotonicMs();
  let isForestalled = false;
  for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
    const view = await views.current();
    if (!view.owns(shard)) return "not-ours";
    const claim = await tryOnce(context, prefix, history, view);
    if (holds(prefix, claim)) {
      if (!(await views.current()).owns(shard)) return "not-ours";
      observer.claimed?.(shard, { term: claim.term, tookMs: clock.monotonicMs() - startMs });
      return claim;
    }
    isForestalled = prefix.state.term >= claim.term;
    // Whoever was faster reads the same view; jitter keeps two of them from meeting again.
    await pause(clock, options.retryPauseMs * (1 + random.next()));
  }
  if (isForestalled) return "forestalled";
  throw notServing(shard, `the journal confirmed none of ${TRIES_MAX} claims`);
}

export function notServing(shard: number, reason: string, cause?: unknown): TroupeError {
  return new TroupeError("TROUPE_SHARD_NOT_SERVING", { shard, reason }, { cause });
}

/** Appends one claim, and reads on until its fate can be seen in the prefix. */
async function tryOnce(
  context: ShardContext,
  prefix: LogPrefix,
  history: ClaimHistory,
  view: ClusterView,
): Promise<Claim> {
  const { shard, lane, identity, random, rules } = context;
  const term = rules.nextTerm(prefix.state.term, history.termTried);
  history.termTried = term;
  const claim: Claim = { term, nonce: newNonce(random.bytes(7)), clusterView: view.number };
  const numbers = {
    ...claim,
    kind: "claim",
    seq: 0,
    confirmedCheckpoint: prefix.checkpoint.position,
    node: identity.node,
  } as const;
  const bytes = new FrameWriter(identity).seal(numbers);
  const result = await lane.append({ shard, expected: prefix.at, bytes });
  if (result.outcome === "refused") {
    const reason = reasonOf(result.cause);
    const details = { journal: identity.journalId, reason };
    throw new TroupeError("TROUPE_JOURNAL_REFUSED", details, { cause: result.cause });
  }
  if (result.outcome === "at" && result.clean)
    prefix.takeOwn({ numbers, bytes, events: 0 }, result.next);
  else await readThrough(context, prefix, claim, result);
  return claim;
}

function holds({ state }: LogPrefix, { term, nonce }: Claim): boolean {
  return state.term === term && state.nonce === nonce;
}

/** Reads on until the claim, or whatever made it void, has been read. */
async function readThrough(
  context: ShardContext,
  prefix: LogPrefix,
  claim: Claim,
  result: AppendResult,
): Promise<void> {
  const until: Position | undefined = result.outcome === "at" ? result.next : undefined;
  const backoff = new Backoff(context.clock, context.options.retryPauseMs, PAUSE_MAX_MS);
  const looksMax = until === undefined ? LOOKS_MAX : LOOKS_MAX * 4;
  for (let look = 1; ; look++) {
    while (await prefix.readOn()) {
      // To the end: a claim behind ours would depose it before the first commit.
    }
    if (prefix.state.term >= claim.term || (until !== undefined && prefix.at >= until)) return;
    if (look >= looksMax) return;
    await backoff.wait();
  }
}

/** 53 bits: as much as a number holds exactly. */
function newNonce(bytes: Uint8Array): number {
  let nonce = 0;
  for (let index = 0; index < 6; index++) nonce = nonce * 256 + (bytes[index] ?? 0);
  return nonce * 32 + ((bytes[6] ?? 0) & 31);
}
