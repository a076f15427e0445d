import type { DeadLetterReason } from "./dead-letters.ts";

/** An actor as an observer sees it. `kind` is the name of its definition: few values, fit for labels. */
export interface Observed {
  readonly kind: string;
  readonly path: string;
}

/**
 * What the kernel reports as it runs. Every method is optional, and one that is absent costs
 * nothing. They are called in the middle of a turn: be quick, send no messages.
 */
export interface Observer {
  actorStarted?(actor: Observed): void;
  /** `failure` is what it died of; undefined when it was stopped. */
  actorStopped?(actor: Observed, failure: unknown): void;
  actorFailed?(actor: Observed, error: unknown): void;
  actorRestarted?(actor: Observed): void;
  /** After a run of messages of one actor. `tookMs` is the time of the synchronous parts. */
  messagesHandled?(actor: Observed, messages: number, tookMs: number): void;
  deadLetter?(to: string, reason: DeadLetterReason): void;
  /** A handler kept the event loop from going on for `tookMs`. */
  handlerBlocked?(actor: Observed, tookMs: number): void;
  /** A handler has held its actor for `heldMs` and has not ended. */
  handlerStuck?(actor: Observed, heldMs: number): void;
  /** Code of a life that had ended used its context, or returned a result. */
  revokedUse?(actor: Observed): void;
}
