import { type DeadLetterReason, reasonOf, TroupeError } from "../kernel/index.ts";
import type { Answer, Call } from "./entity-work.ts";

/** Tells callers what became of their commands; what nobody hears becomes a dead letter. */
export class CallAnswers {
  readonly #actor: string;
  readonly #undelivered: (call: Call, reason: DeadLetterReason) => void;

  constructor(actor: string, undelivered: (call: Call, reason: DeadLetterReason) => void) {
    this.#actor = actor;
    this.#undelivered = undelivered;
  }

  answer(call: Call, answer: Answer): void {
    switch (answer.kind) {
      case "reply":
        return this.#give(call, answer.value);
      case "rejection":
        return this.#give(call, answer.rejection);
      case "refused":
        return this.fail(call, answer.error);
      case "fault": {
        const { error: cause } = answer;
        const details = { actor: this.#actor, command: call.command, reason: reasonOf(cause) };
        return this.fail(call, new TroupeError("TROUPE_COMMAND_FAILED", details, { cause }));
      }
    }
  }

  fail(call: Call, error: unknown): void {
    if (call.ask === undefined) this.#undelivered(call, "unhandled");
    else call.ask.reject(error);
  }

  /** Its caller has given up before its turn began: it does not begin. */
  expired(call: Call): void {
    this.#undelivered(call, "expired");
  }

  #give({ ask }: Call, value: unknown): void {
    ask?.resolve(value);
  }
}
