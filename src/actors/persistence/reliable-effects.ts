/** Reliable effects as their handlers and the turns that ask for them see them. Types only. */
import type { Logger } from "../kernel/index.ts";
import type { PayloadArguments } from "./persistent-context.ts";

/** What the handler of a reliable effect gets as its first argument. */
export interface EffectContext {
  /** The entity's id. */
  readonly id: string;
  /**
   * The same for every attempt of this effect, and for no other one ever: hand it to whatever is called, so that
   * an effect that runs again after a crash changes nothing again.
   */
  readonly idempotencyKey: string;
  /** Counts from 1; an attempt that a crash cut off is counted again. */
  readonly attempt: number;
  /** Fires when the attempt takes too long or its entity leaves this process: it should end. */
  readonly signal: AbortSignal;
  /** Lines carry the entity's name and id. */
  readonly log: Logger;
}

export interface ReliableEffects<F> {
  /**
   * Makes an effect part of this turn's commit. It runs when the commit is in the log, and again, also after a
   * crash of everything, until its handler has succeeded once; that is then an event of this actor. Effects of one
   * actor run side by side. Returns the idempotency key.
   * @throws TROUPE_EFFECTS_FULL above `limits.effectsPendingMax`, TROUPE_PAYLOAD_INVALID.
   */
  run<K extends keyof F & string>(name: K, ...data: PayloadArguments<F[K]>): string;
  /** Gives up an effect that has not succeeded yet, also a parked one; an attempt under way may still succeed. */
  cancel(idempotencyKey: string): void;
}

/** How the effects of a definition are tried again. */
export interface EffectOptions {
  /** Attempts until an effect is parked. Default `limits.effectAttemptsMax`. */
  readonly attemptsMax?: number;
  /** Time for one attempt, in ms. Default `limits.effectTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** An effect that failed too often: it stays until `system.retryEffects`, or until its actor cancels it. */
export interface ParkedEffect {
  readonly persistenceId: string;
  readonly effect: string;
  readonly idempotencyKey: string;
  readonly attempts: number;
  /** Of the last failure. */
  readonly reason: string;
}
