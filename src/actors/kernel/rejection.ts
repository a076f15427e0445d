import { TroupeError } from "./troupe-error.ts";

/**
 * A command's refusal: an answer, not a fault. A handler returns it (`return actor.reject(…)`);
 * the caller gets it typed, as a thrown `CommandRejectedError` or through `.try` as a value.
 */
export class Rejection<Reason extends string = string, Details = unknown> {
  readonly reason: Reason;
  readonly details: Details;

  constructor(reason: Reason, details: Details) {
    this.reason = reason;
    this.details = details;
  }
}

/** Thrown at the caller when a command was rejected. */
export class CommandRejectedError<
  R extends Rejection = Rejection,
> extends TroupeError<"TROUPE_COMMAND_REJECTED"> {
  readonly rejection: R;
  /** Name of the definition of the actor that rejected it. */
  readonly definition: string;

  constructor(at: { actor: string; definition: string; command: string }, rejection: R) {
    const { actor, command } = at;
    super("TROUPE_COMMAND_REJECTED", { actor, command, reason: rejection.reason });
    this.rejection = rejection;
    this.definition = at.definition;
  }
}

/** What a handler returns when it has put its message aside with `stash()`. */
export class Stashed {
  declare private readonly brand: "stashed";
}

export const stashed = new Stashed();
