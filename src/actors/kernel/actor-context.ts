import type { ActorRef } from "./actor-ref.ts";
import type { Addressed, Terminated, TimerSchedule } from "./actor-services.ts";
import type { SpawnArgs, Spawnable } from "./blueprint.ts";
import type { Clock } from "./clock.ts";
import type { ActorContext, ActorTimers } from "./define-actor.ts";
import type { Incarnation } from "./incarnation.ts";
import type { Logger } from "./logger.ts";
import type { Random } from "./random.ts";
import { Rejection, type Stashed, stashed } from "./rejection.ts";

/** The services of one life, as both forms of actors get them. */
export abstract class ServicesImplementation {
  readonly #incarnation: Incarnation;
  #logger: Logger | undefined;

  constructor(incarnation: Incarnation) {
    this.#incarnation = incarnation;
  }

  protected get life(): Incarnation {
    return this.#incarnation;
  }

  protected get ownLogger(): Logger {
    const { engine, path } = this.#incarnation.cell;
    this.#logger ??= engine.logger.child({ actor: path });
    return this.#logger;
  }

  get id(): string {
    return this.#incarnation.cell.name;
  }

  get path(): string {
    return this.#incarnation.cell.path;
  }

  get ref(): ActorRef {
    return this.#incarnation.cell.ref;
  }

  get signal(): AbortSignal {
    return this.#incarnation.signal;
  }

  get clock(): Clock {
    return this.#incarnation.cell.engine.clock;
  }

  get random(): Random {
    return this.#incarnation.cell.engine.random;
  }

  spawn<H, P>(definition: Spawnable<H, P>, name: string, ...options: SpawnArgs<P>): H {
    return this.#incarnation.spawn(definition, name, options[0]);
  }

  unwatch(target: Addressed): void {
    this.#incarnation.unwatch(target);
  }

  stop(): void {
    this.#incarnation.stop();
  }

  onStop(run: () => unknown): void {
    this.#incarnation.onStop(run);
  }

  unstashAll(): void {
    this.#incarnation.unstashAll();
  }
}

/** The state is not made yet. */
const unmade = Symbol("unmade");

export class ActorContextImplementation<S>
  extends ServicesImplementation
  implements ActorContext<S>
{
  #state: S | typeof unmade = unmade;

  /** Sets the first state of this life. */
  begin(state: S): void {
    this.#state = state;
  }

  get state(): S {
    this.life.use("state");
    const state = this.#state;
    if (state === unmade) throw new TypeError("The state is not made yet.");
    return state;
  }

  set state(state: S) {
    this.life.use("state");
    this.#state = state;
  }

  get log(): Logger {
    return this.ownLogger;
  }

  get timers(): ActorTimers<ActorContext<S>> {
    const { life } = this;
    const set = life.timers;
    return {
      start: (name: string, schedule: TimerSchedule, run: (me: ActorContext<S>) => unknown) =>
        life.startTimer(name, schedule, () => run(this)),
      cancel: (name) => set.cancel(name),
      isActive: (name) => set.isActive(name),
    };
  }

  reject<const Reason extends string>(reason: Reason): Rejection<Reason, undefined>;
  reject<const Reason extends string, Details>(
    reason: Reason,
    details: Details,
  ): Rejection<Reason, Details>;
  reject(reason: string, details?: unknown): Rejection {
    return new Rejection(reason, details);
  }

  stash(): Stashed {
    this.life.stash();
    return stashed;
  }

  watch(target: Addressed, run: (me: ActorContext<S>, terminated: Terminated) => unknown): void {
    this.life.watch(target, (terminated) => run(this, terminated));
  }

  onIdle(afterMs: number | undefined, run?: (me: ActorContext<S>) => unknown): void {
    this.life.onIdle(afterMs, run === undefined ? undefined : () => run(this));
  }
}
