import type { Limits } from "./limits.ts";
import type { Random } from "./random.ts";
import { isTroupeError } from "./troupe-error.ts";

/**
 * What to do when a handler throws: pure decisions, `(policy, history, failure) → decision`.
 * A rejection is an answer and never comes here.
 */

/** Delays between restarts: `minMs · 2^n`, at most `maxMs`, plus up to `jitter` of it at random. */
export interface Backoff {
  readonly minMs: number;
  readonly maxMs: number;
  /** Share of the delay that is added at random, 0 to 1. Default 0.2. */
  readonly jitter?: number;
  /** The delay starts over after this long without a failure. Default `(minMs + maxMs) / 2`. */
  readonly resetAfterMs?: number;
}

export type Directive =
  /** Keep the state and go on with the next message. */
  | { readonly action: "resume" }
  /** Stop the children, make a new state, go on with the next message. */
  | {
      readonly action: "restart";
      /** More restarts than this within `withinMs` stop the actor. Default `limits.restartsMax`. */
      readonly restartsMax?: number;
      /** Default `limits.restartsWithinMs`. */
      readonly withinMs?: number;
      readonly backoff?: Backoff;
    }
  | { readonly action: "stop" }
  /** Let the parent's policy decide, as if it had failed itself. */
  | { readonly action: "escalate" };

// Any class will do, also one whose constructor is abstract or protected.
export type ErrorClass = abstract new (...args: never[]) => unknown;

/** `on`: an error class, or the code of an error of the framework. The first rule that fits decides. */
export type SupervisionRule = Directive & { readonly on: ErrorClass | string };

export interface Supervision {
  readonly rules?: readonly SupervisionRule[];
  /** When no rule fits. Default: restart, within the limits. */
  readonly otherwise?: Directive;
}

/** What a cell remembers of its failures. */
export interface FailureHistory {
  /** Monotonic times of the restarts that still count. */
  readonly restartsAtMs: readonly number[];
  /** Restarts in a row, for the backoff. */
  readonly streak: number;
}

export type Decision =
  | { readonly action: "resume" }
  | { readonly action: "restart"; readonly delayMs: number; readonly history: FailureHistory }
  | { readonly action: "stop"; readonly exhausted: boolean }
  | { readonly action: "escalate" };

export interface Failure {
  readonly error: unknown;
  /** The initial state could not be made. */
  readonly duringStart: boolean;
  readonly nowMs: number;
}

function fits(rule: SupervisionRule, error: unknown): boolean {
  if (typeof rule.on === "string") return isTroupeError(error) && error.code === rule.on;
  return error instanceof rule.on;
}

function directiveFor(policy: Supervision | undefined, error: unknown): Directive {
  const rule = policy?.rules?.find((candidate) => fits(candidate, error));
  return rule ?? policy?.otherwise ?? { action: "restart" };
}

function delayOf(backoff: Backoff, streak: number, random: Random): number {
  const delayMs = Math.min(backoff.maxMs, backoff.minMs * 2 ** Math.min(streak, 52));
  return delayMs * (1 + random.next() * (backoff.jitter ?? 0.2));
}

function restart(
  directive: Directive & { action: "restart" },
  history: FailureHistory,
  failure: Failure,
  given: { readonly random: Random; readonly limits: Limits },
): Decision {
  const { nowMs } = failure;
  const max = directive.restartsMax ?? given.limits.restartsMax;
  const withinMs = directive.withinMs ?? given.limits.restartsWithinMs;
  const counting = history.restartsAtMs.filter((atMs) => nowMs - atMs < withinMs);
  // Without a limit and a delay a start that always fails would spin.
  const spins = failure.duringStart && directive.backoff === undefined && max === Infinity;
  if (counting.length >= max || spins) return { action: "stop", exhausted: true };
  const { backoff } = directive;
  const last = history.restartsAtMs.at(-1);
  const resetAfterMs = backoff?.resetAfterMs ?? ((backoff?.minMs ?? 0) + (backoff?.maxMs ?? 0)) / 2;
  const quiet = last === undefined || nowMs - last > resetAfterMs;
  const streak = quiet ? 0 : history.streak;
  return {
    action: "restart",
    delayMs: backoff === undefined ? 0 : delayOf(backoff, streak, given.random),
    history: {
      restartsAtMs: [...(max === Infinity ? counting.slice(-1) : counting), nowMs],
      streak: streak + 1,
    },
  };
}

/** Decides what becomes of an actor whose handler or start has failed. */
export function decide(
  policy: Supervision | undefined,
  history: FailureHistory,
  failure: Failure,
  given: { readonly random: Random; readonly limits: Limits },
): Decision {
  const directive = directiveFor(policy, failure.error);
  switch (directive.action) {
    case "restart":
      return restart(directive, history, failure, given);
    case "resume":
      // There is no state to resume with.
      return failure.duringStart ? { action: "stop", exhausted: false } : { action: "resume" };
    case "stop":
      return { action: "stop", exhausted: false };
    case "escalate":
      return { action: "escalate" };
  }
}
