/** How long a stop may take. */
export interface StopOptions {
  /** Milliseconds until what still runs is revoked. Default `limits.stopDeadlineMs`; 0 = at once. */
  readonly deadlineMs?: number;
}

/** The address of an actor, apart from its protocol. `String(ref)` is its path and incarnation. */
export interface ActorRef {
  /** `/`-separated, each name percent-encoded: `/pool/p`. Unique among the living. */
  readonly path: string;
  /** Tells two actors apart that had the same path one after the other. `"*"` = whoever has the id. */
  readonly incarnation: string;
  /** Stops the actor and all below it, bottom-up. Resolves when all of them have ended. */
  stop(options?: StopOptions): Promise<void>;
  toString(): string;
}
