/**
 * Finds out what became of a frame whose append was not plainly confirmed.
 *
 *  F1. The log answers, not the store: the records behind the confirmed prefix are read and judged.
 *  F2. Acknowledged elsewhere than expected: something lies between. Ours counted → confirmed; a higher claim
 *      before it → deposed; mere junk → go on.
 *  F3. Unknown fate: the same bytes are sent again, until the log shows one copy or a higher claim, or the time
 *      is up. A refusal counts only if no copy was sent before.
 */
import { reasonOf, TroupeError } from "../kernel/index.ts";
import type { FrameNumbers } from "./frame.ts";
import type { AppendResult, Position } from "./journal.ts";
import { corrupt, isCutAway, isUnreadable, type LogPrefix, type OwnFrame } from "./log-prefix.ts";
import { Backoff } from "./pause.ts";
import type { ShardContext } from "./shard-context.ts";

/** Why a claim ended, and what those are told whose frame was in flight. */
export interface TenureEnd {
  readonly cause: "deposed" | "uncertain" | "refused" | "damaged" | "released";
  readonly error: TroupeError;
}

export type Fate = { readonly position: Position } | TenureEnd;

/** Not more: it is a part of every fail-over to another leader. */
const PAUSE_MAX_MS = 200;

export class FateFinder {
  readonly #context: ShardContext;
  readonly #prefix: LogPrefix;
  readonly #sent: OwnFrame;
  #copiesSent = 1;
  #position: Position | undefined;

  constructor(context: ShardContext, prefix: LogPrefix, sent: OwnFrame) {
    this.#context = context;
    this.#prefix = prefix;
    this.#sent = sent;
  }

  /** `isOver` says that nobody wants to know any more; then nothing is sent again. */
  async find(first: AppendResult, isOver: () => boolean): Promise<Fate | undefined> {
    const { clock, lane, options, shard } = this.#context;
    const backoff = new Backoff(clock, options.retryPauseMs, PAUSE_MAX_MS);
    const deadlineMs = clock.monotonicMs() + options.uncertainMaxMs;
    for (let result = first; ; ) {
      const fate = this.#said(result) ?? (await this.#look(result));
      if (fate !== undefined) return fate;
      if (clock.monotonicMs() >= deadlineMs) return this.#unknown(result);
      await backoff.wait();
      if (isOver()) return undefined;
      // Acknowledged but not readable yet: look again, there is nothing to send.
      if (result.outcome === "at") continue;
      this.#copiesSent += 1;
      result = await lane.append({ shard, expected: this.#prefix.at, bytes: this.#sent.bytes });
      if (isOver()) return undefined;
    }
  }

  /** What the store's answer alone decides. */
  #said(result: AppendResult): Fate | undefined {
    const { shard, observer, identity } = this.#context;
    if (result.outcome === "uncertain") {
      observer.appendUncertain?.(shard, result.cause);
      return undefined;
    }
    if (result.outcome === "refused") {
      observer.appendRefused?.(shard, result.cause);
      if (this.#copiesSent > 1) return undefined;
      const details = { journal: identity.journalId, reason: reasonOf(result.cause) };
      const error = new TroupeError("TROUPE_JOURNAL_REFUSED", details, { cause: result.cause });
      return { cause: "refused", error };
    }
    return undefined;
  }

  async #look(result: AppendResult): Promise<Fate | undefined> {
    if (result.outcome === "at" && !this.#context.rules.readsGap) return this.#deposed();
    const prefix = this.#prefix;
    const until = result.outcome === "at" ? result.next : prefix.at;
    try {
      // Up to what answers the question: a successor may go on writing for ever.
      while (this.#isStillOurs() && (this.#position === undefined || prefix.at < until)) {
        if (!(await prefix.readOn((frame, position) => this.#notice(frame, position)))) break;
      }
    } catch (error) {
      const fate = this.#position === undefined ? this.#unreadable(error) : undefined;
      if (fate !== undefined) return fate;
    }
    if (this.#position !== undefined) return { position: this.#position };
    if (!this.#isStillOurs()) return this.#deposed();
    if (result.outcome === "at" && prefix.at >= result.next) {
      const problem = "a frame of the current owner was confirmed here, but does not count";
      return { cause: "damaged", error: corrupt(this.#context.shard, result.at, problem) };
    }
    return undefined;
  }

  #notice({ kind, term, nonce, seq }: FrameNumbers, position: Position): void {
    const { numbers } = this.#sent;
    if (term !== numbers.term || nonce !== numbers.nonce) return;
    if (seq === numbers.seq && kind === numbers.kind) this.#position ??= position;
  }

  #isStillOurs(): boolean {
    const { state } = this.#prefix;
    return state.term === this.#sent.numbers.term && state.nonce === this.#sent.numbers.nonce;
  }

  #unreadable(error: unknown): Fate | undefined {
    const { shard } = this.#context;
    if (isCutAway(error)) {
      const reason = "another owner has cut away the part of the log that would tell";
      return { cause: "deposed", error: uncertain(shard, reason, error) };
    }
    if (isUnreadable(error)) return { cause: "damaged", error };
    // The store cannot be read just now: as uncertain as before.
    return undefined;
  }

  #deposed(): Fate {
    const { shard } = this.#context;
    const by = this.#prefix.state.node;
    return { cause: "deposed", error: new TroupeError("TROUPE_SHARD_DEPOSED", { shard, by }) };
  }

  #unknown(result: AppendResult): Fate {
    const { shard, options } = this.#context;
    const cause = result.outcome === "at" ? "the frame is not readable" : reasonOf(result.cause);
    const reason = `no answer for ${options.uncertainMaxMs} ms: ${cause}`;
    return { cause: "uncertain", error: uncertain(shard, reason, cause) };
  }
}

function uncertain(shard: number, reason: string, cause: unknown): TroupeError {
  return new TroupeError(
    "TROUPE_JOURNAL_UNCERTAIN",
    { actor: `shard ${shard}`, reason },
    { cause },
  );
}
