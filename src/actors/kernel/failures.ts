import type { Engine } from "./engine.ts";
import { type Decision, decide, type FailureHistory, type Supervision } from "./supervision.ts";

/** What an actor remembers of its failures, over all its lives. */
export class Failures {
  restarts = 0;
  /** The newest. */
  last: unknown;
  /** The one that ends it, if it ends of one. */
  fatal: unknown;
  #history: FailureHistory = { restartsAtMs: [], streak: 0 };

  /** Takes a failure in and says what to do. */
  decide(
    policy: Supervision | undefined,
    failure: { readonly error: unknown; readonly duringStart: boolean },
    engine: Engine,
  ): Decision {
    this.last = failure.error;
    const nowMs = engine.clock.monotonicMs();
    const decision = decide(policy, this.#history, { ...failure, nowMs }, engine);
    if (decision.action === "restart") this.#history = decision.history;
    else if (decision.action !== "resume") this.fatal = failure.error;
    return decision;
  }
}
