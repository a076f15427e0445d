/**
 * The lane: the one way from all shards of a node to the journal. What is ready when a call may go out shares
 * that call, so that many shards cost one round trip or one sync.
 *
 *  L1. A shard's frame is sealed at the moment its call goes out, so that events join until then.
 *  L2. At most `appendsInFlightMax` calls that may still be quick are under way; what comes meanwhile waits for the
 *      next. A call that has had its first result, or none for `appendSlowMs`, holds nobody up any more: what it
 *      still waits for is a store's slow part, and other shards may live in a quick one.
 *  L3. Every request gets exactly one result. A journal that throws has said "uncertain".
 *  L4. Nothing is sent twice here: repeating is the owner's decision.
 */
import type { Clock, Timer } from "../kernel/index.ts";
import type { AppendRequest, AppendResult, Journal } from "./journal.ts";

/** One who has, or may have, a record to append. */
export interface Appender {
  /** Called when a call goes out; undefined = nothing to send after all. */
  seal(): AppendRequest | undefined;
  settle(result: AppendResult): void;
}

const noResult: AppendResult = { outcome: "uncertain", cause: "the journal gave no result" };

export interface AppendLaneOptions {
  readonly clock: Clock;
  readonly appendsInFlightMax: number;
  readonly appendSlowMs: number;
  /** Hears of the bytes of every record that was confirmed. */
  readonly onAppended?: (bytes: number) => void;
}

export class AppendLane {
  readonly #journal: Journal;
  readonly #options: AppendLaneOptions;
  #ready: Appender[] = [];
  /** The calls that hold up the next one, the oldest first. */
  readonly #quick = new Set<LaneCall>();
  #slowTimer: Timer | undefined;
  #scheduled = false;

  constructor(journal: Journal, options: AppendLaneOptions) {
    this.#journal = journal;
    this.#options = options;
  }

  /** Takes part in the next call. Call once per record. */
  ready(appender: Appender): void {
    this.#ready.push(appender);
    this.#schedule();
  }

  /** Appends one finished record. */
  append(request: AppendRequest): Promise<AppendResult> {
    return new Promise((settle) => this.ready({ seal: () => request, settle }));
  }

  #schedule(): void {
    if (this.#scheduled || this.#ready.length === 0) return;
    if (this.#quick.size >= this.#options.appendsInFlightMax) return this.#watchOldest();
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#send();
    });
    return undefined;
  }

  /** Armed only while somebody waits behind the calls under way. */
  #watchOldest(): void {
    const [oldest] = this.#quick;
    if (this.#slowTimer !== undefined || oldest === undefined) return;
    const { clock, appendSlowMs } = this.#options;
    const leftMs = oldest.sentMs + appendSlowMs - clock.monotonicMs();
    this.#slowTimer = clock.setTimer(Math.max(0, leftMs), () => {
      this.#slowTimer = undefined;
      if (oldest.sentMs + appendSlowMs <= clock.monotonicMs()) this.#quick.delete(oldest);
      this.#schedule();
    });
  }

  #send(): void {
    const senders: Appender[] = [];
    const requests: AppendRequest[] = [];
    for (const appender of this.#ready.splice(0)) {
      const request = appender.seal();
      if (request === undefined) continue;
      senders.push(appender);
      requests.push(request);
    }
    if (requests.length === 0) return;
    const call = new LaneCall(senders, this.#options.clock.monotonicMs());
    this.#quick.add(call);
    const settle = (index: number, result: AppendResult): void => {
      const wasQuick = this.#quick.delete(call);
      if (call.settle(index, result) && result.outcome === "at") {
        this.#options.onAppended?.(requests[index]?.bytes.length ?? 0);
      }
      if (wasQuick) this.#schedule();
    };
    void this.#append(requests, settle).then((results) => {
      for (let index = 0; index < requests.length; index++) {
        settle(index, results[index] ?? noResult);
      }
    });
  }

  async #append(
    requests: readonly AppendRequest[],
    onResult: (index: number, result: AppendResult) => void,
  ): Promise<readonly AppendResult[]> {
    try {
      return await this.#journal.append(requests, onResult);
    } catch (cause) {
      return requests.map(() => ({ outcome: "uncertain", cause }));
    }
  }
}

/** One call of the journal, and who waits for what in it. */
class LaneCall {
  readonly sentMs: number;
  /** undefined = has its result. */
  readonly #senders: (Appender | undefined)[];

  constructor(senders: (Appender | undefined)[], sentMs: number) {
    this.#senders = senders;
    this.sentMs = sentMs;
  }

  /** False when it has its result already. */
  settle(index: number, result: AppendResult): boolean {
    const sender = this.#senders[index];
    if (sender === undefined) return false;
    this.#senders[index] = undefined;
    sender.settle(result);
    return true;
  }
}
