/** What a persistent actor's handlers get as their first argument. Types only; `turn.ts` implements it. */
import type { Logger, Rejection } from "../kernel/index.ts";
import type { ReliableEffects } from "./reliable-effects.ts";

/** The second argument of `persist`: absent for events without a payload. */
export type PayloadArguments<P> = undefined extends P ? [payload?: P] : [payload: P];

/** When a durable timer fires: so long after this turn's `now`, or at a wall-clock time. Milliseconds. */
export type TimerTime = { readonly afterMs: number } | { readonly atMs: number };

export interface DurableTimers<T> {
  /**
   * Starts a timer, or moves the one of this name. It is part of this turn's commit, survives a crash
   * of everything, and fires once; when it is late (the process was down), at once.
   * @throws TROUPE_TIMERS_FULL above `limits.durableTimersMax`.
   */
  start<K extends keyof T & string>(
    name: K,
    time: TimerTime,
    ...data: PayloadArguments<T[K]>
  ): void;
  /** Does nothing when there is no such timer. */
  cancel(name: keyof T & string): void;
}

/**
 * One turn of a persistent actor: one command, one fired timer, or the `recovered` hook. After the
 * handler has ended every member throws TROUPE_TURN_ENDED; after the entity was stopped under a
 * running handler, TROUPE_REVOKED.
 */
// biome-ignore lint/complexity/noBannedTypes: no effects
export interface PersistentContext<S, E, T, F = {}> {
  /** The state with everything that this turn has persisted so far. Frozen: events change it. */
  readonly state: Readonly<S>;
  /** The entity's id, as given to `system.actor(Definition, id)`. */
  readonly id: string;
  /** The time at which this turn began; the same throughout, and the time of its events. */
  readonly now: Date;
  /** Fires when this handler's entity is stopped while the handler runs: it should return. */
  readonly signal: AbortSignal;
  readonly timers: DurableTimers<T>;
  /** Effects outside of this actor that are repeated until they have succeeded. */
  readonly effects: ReliableEffects<F>;
  /** Lines carry the entity's name and id. */
  readonly log: Logger;
  /**
   * Stages an event: `state` moves at once, for this turn; the events of a turn are written together
   * when its handler returns, all or none. A turn that throws or rejects writes nothing.
   * @throws TROUPE_PAYLOAD_INVALID for data that cannot be stored, and whatever the event's handler throws.
   */
  persist<K extends keyof E & string>(type: K, ...payload: PayloadArguments<E[K]>): void;
  /** The refusal to return to the caller; everything staged in this turn is dropped. */
  reject<const Reason extends string>(reason: Reason): Rejection<Reason, undefined>;
  reject<const Reason extends string, Details>(
    reason: Reason,
    details: Details,
  ): Rejection<Reason, Details>;
  /**
   * Runs once when this turn is in the log, before the reply is sent; never at recovery, and not at all
   * when the process dies in between. What it throws is logged. What must not be lost is an effect of
   * `effects.run`.
   */
  afterCommit(effect: () => unknown): void;
  /** Lets the entity leave memory after this turn, if no effect is pending; the next command or timer brings it back. */
  stop(): void;
  /**
   * Deletes the entity with this turn: state, timers, pending effects and remembered keys. The id starts afresh
   * afterwards. @throws TROUPE_OPTIONS_CONTRADICT in a turn that has asked for an effect.
   */
  delete(): void;
}

/**
 * The context of `recovered`, which is declared before the events are: their names and payloads are
 * checked when it runs.
 */
export type RecoveredContext<S> = PersistentContext<
  S,
  Record<string, unknown>,
  Record<string, unknown>,
  Record<string, unknown>
>;
