/** Tells callers what became of their commands; what nobody hears becomes a dead letter. */
import { type DeadLetterReason, reasonOf, TroupeError } from "../kernel/index.ts";
import type { Answer, Call } from "./entity-work.ts";
import type { TurnSubject } from "./turn-subject.ts";

/** The entity that a command was for. */
export interface Answerer {
  readonly subject: TurnSubject;
  undelivered(call: Call, reason: DeadLetterReason): void;
}

export function answerCall(by: Answerer, call: Call, answer: Answer): void {
  switch (answer.kind) {
    case "reply":
      call.ask?.resolve(answer.value);
      return;
    case "rejection":
      call.ask?.resolve(answer.rejection);
      return;
    case "refused":
      return failCall(by, call, answer.error);
    case "fault": {
      const { error: cause } = answer;
      const { persistenceId: actor } = by.subject;
      const details = { actor, command: call.command, reason: reasonOf(cause) };
      return failCall(by, call, new TroupeError("TROUPE_COMMAND_FAILED", details, { cause }));
    }
  }
}

export function failCall(by: Answerer, call: Call, error: unknown): void {
  if (call.ask === undefined) by.undelivered(call, "unhandled");
  else call.ask.reject(error);
}
