/**
 * The lane: the one way from all shards of a node to the journal. What is ready when a call may go out shares
 * that call, so that many shards cost one round trip or one sync.
 *
 *  L1. A shard's frame is sealed at the moment its call goes out, so that events join until then.
 *  L2. At most `appendsInFlightMax` calls are under way; what comes meanwhile waits for the next.
 *  L3. Every request gets exactly one result. A journal that throws has said "uncertain".
 *  L4. Nothing is sent twice here: repeating is the owner's decision.
 */
import type { AppendRequest, AppendResult, Journal } from "./journal.ts";

/** One who has, or may have, a record to append. */
export interface Appender {
  /** Called when a call goes out; undefined = nothing to send after all. */
  seal(): AppendRequest | undefined;
  settle(result: AppendResult): void;
}

const noResult: AppendResult = { outcome: "uncertain", cause: "the journal gave no result" };

export class AppendLane {
  readonly #journal: Journal;
  readonly #inFlightMax: number;
  readonly #onAppended: (bytes: number) => void;
  #ready: Appender[] = [];
  #inFlight = 0;
  #scheduled = false;

  /** `onAppended` hears of the bytes of every record that was confirmed. */
  constructor(
    journal: Journal,
    appendsInFlightMax: number,
    onAppended: (bytes: number) => void = () => {},
  ) {
    this.#journal = journal;
    this.#inFlightMax = appendsInFlightMax;
    this.#onAppended = onAppended;
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
    if (this.#scheduled || this.#inFlight >= this.#inFlightMax || this.#ready.length === 0) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      this.#send();
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
    this.#inFlight += 1;
    void this.#append(requests).then((results) => {
      this.#inFlight -= 1;
      for (const [index, sender] of senders.entries()) {
        const result = results[index] ?? noResult;
        if (result.outcome === "at") this.#onAppended(requests[index]?.bytes.length ?? 0);
        sender.settle(result);
      }
      this.#schedule();
    });
  }

  async #append(requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    try {
      return await this.#journal.append(requests);
    } catch (cause) {
      return requests.map(() => ({ outcome: "uncertain", cause }));
    }
  }
}
