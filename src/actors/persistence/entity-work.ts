/** What waits in an entity's queue, and what its turns end with. */
import { type Ask, type CallOptions, Rejection } from "../kernel/index.ts";
import type { EffectOutcome } from "./effect-runs.ts";

/** Something for an entity to do. It stands in one queue at most, and the queue threads through it. */
export type Work = Call | EffectOutcome | RetryEffects | Wake | Recovered;

/** A command from outside. */
export class Call {
  readonly command: string;
  readonly input: readonly unknown[];
  readonly options: CallOptions | undefined;
  /** undefined = told, nobody waits. */
  readonly ask: Ask | undefined;
  /** Behind it in the queue. */
  next: Work | undefined = undefined;

  constructor(
    command: string,
    input: readonly unknown[],
    options: CallOptions | undefined,
    ask: Ask | undefined,
  ) {
    this.command = command;
    this.input = input;
    this.options = options;
    this.ask = ask;
  }
}

/** A durable timer may be due. */
export class Wake {
  next: Work | undefined = undefined;
}

/** The entity was recovered and its definition wants a turn for that. */
export class Recovered {
  next: Work | undefined = undefined;
}

/** A person wants parked effects to be tried again. */
export class RetryEffects {
  next: Work | undefined = undefined;
}

/** What a handler ended with. */
export type Answer =
  | { readonly kind: "reply"; readonly value: unknown }
  | { readonly kind: "rejection"; readonly rejection: Rejection }
  | { readonly kind: "fault"; readonly error: unknown }
  /** Not the handler's doing: its input, or the log, refused. `error` goes to the caller as it is. */
  | { readonly kind: "refused"; readonly error: unknown };

/** Of the many commands that answer with nothing. */
const done: Answer = { kind: "reply", value: undefined };

export function answerOf(result: unknown): Answer {
  if (result === undefined) return done;
  if (result instanceof Rejection) return { kind: "rejection", rejection: result };
  return result instanceof Refusal
    ? { kind: "refused", error: result.error }
    : { kind: "reply", value: result };
}

/** Returned in a handler's place when its turn must not run. */
export class Refusal {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}
