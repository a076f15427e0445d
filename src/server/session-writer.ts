/**
 * The outgoing half of an agent's stream. It never blocks its callers: orders and answers are
 * written in the order they were given, acknowledgements of log bytes are gathered and go out once
 * per turn of the event loop, only the newest per attempt.
 *
 * It is bounded because what is written is: orders by the agent's slots, log acknowledgements by
 * the attempts it holds, and answers by what was read — the reader waits in `writable()` while the
 * transport is full, so an agent that does not read is not read from either.
 */
import type { ConnectResponse } from "../../proto/troupe/agent/v1/agent.ts";
import { type AttemptKey, attemptId } from "../actors/workers/index.ts";

/** What the writer needs of the gRPC stream. */
export interface WritableCall {
  write(message: ConnectResponse): boolean;
  once(event: "drain" | "close", listener: () => void): unknown;
}

export class SessionWriter {
  readonly #call: WritableCall;
  readonly #logAcks = new Map<string, { attempt: AttemptKey; offset: number }>();
  #flushAsked = false;
  #ended = false;
  #full: Promise<void> | undefined;

  constructor(call: WritableCall) {
    this.#call = call;
  }

  /** Writes now, behind all that was written before. Nothing after `end`. */
  write(message: NonNullable<ConnectResponse["message"]>): void {
    if (this.#ended || this.#call.write({ message })) return;
    this.#full ??= new Promise((resolve) => {
      const go = (): void => {
        this.#full = undefined;
        this.#flush();
        resolve();
      };
      this.#call.once("drain", go);
      this.#call.once("close", go);
    });
  }

  /** Everything below `offset` is stored. Goes out with the next turn, newest per attempt. */
  acknowledgeLog(attempt: AttemptKey, offset: number): void {
    this.#logAcks.set(attemptId(attempt), { attempt, offset });
    if (this.#flushAsked) return;
    this.#flushAsked = true;
    setImmediate(() => {
      this.#flushAsked = false;
      this.#flush();
    });
  }

  /** Resolves when the transport takes more; undefined when it does already. */
  writable(): Promise<void> | undefined {
    return this.#full;
  }

  /** Nothing is written from now on. */
  end(): void {
    this.#ended = true;
    this.#logAcks.clear();
  }

  #flush(): void {
    for (const [id, value] of this.#logAcks) {
      if (this.#full !== undefined) return;
      this.#logAcks.delete(id);
      this.write({ $case: "logAck", value });
    }
  }
}
