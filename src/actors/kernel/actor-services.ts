import type { ActorRef } from "./actor-ref.ts";
import type { SpawnArgs, Spawnable } from "./blueprint.ts";
import type { Clock } from "./clock.ts";
import type { Random } from "./random.ts";

/** Anything that has an address. */
export type Addressed = ActorRef | { readonly ref: ActorRef };

/** Tells a watcher that an actor has ended. */
export interface Terminated {
  readonly ref: ActorRef;
  /** What it died of; undefined when it was stopped. */
  readonly failure: unknown;
}

/** When a timer fires, in milliseconds: once, or again and again. */
export type TimerSchedule = { readonly afterMs: number } | { readonly everyMs: number };

/**
 * What every actor can do for itself, whatever its form. All of it belongs to one life of the
 * actor: once it was stopped or restarted, every use throws TROUPE_REVOKED.
 */
export interface ActorServices {
  /** The name given at spawn. */
  readonly id: string;
  readonly path: string;
  readonly ref: ActorRef;
  /** Fires when this life ends: hand it to what the handler waits for. */
  readonly signal: AbortSignal;
  readonly clock: Clock;
  readonly random: Random;
  /** Starts a child. It is stopped with its parent, and before it. */
  spawn<H, P>(definition: Spawnable<H, P>, name: string, ...options: SpawnArgs<P>): H;
  /** Ends the watching of `target`. */
  unwatch(target: Addressed): void;
  /** Stops this actor after the current turn. */
  stop(): void;
  /** Runs when this life ends, children first; may be asynchronous. */
  onStop(run: () => unknown): void;
  /** Takes the stashed messages back, in their order, before all that wait. */
  unstashAll(): void;
}
