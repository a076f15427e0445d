import { ServicesImplementation } from "./actor-context.ts";
import type { ActorServices, Addressed, Terminated, TimerSchedule } from "./actor-services.ts";
import type { Blueprint, FaceTarget, MailboxOptions, Program, Spawnable } from "./blueprint.ts";
import { checkActorOptions, checkFunction } from "./check-options.ts";
import type { Logger } from "./logger.ts";
import { LocalMessageRef, type MessageRef } from "./message-ref.ts";
import type { Supervision } from "./supervision.ts";

/** Handles one message; the next one waits for its promise. */
export type Receive<M> = (message: M) => void | Promise<void>;

/** The in-memory timers of a behaviour. Each tick is a message to itself. */
export interface BehaviourTimers<M> {
  /** Starts a timer; one of the same name is replaced. */
  start(name: string, schedule: TimerSchedule, message: M): void;
  cancel(name: string): void;
  isActive(name: string): boolean;
}

export interface BehaviourContext<M> extends ActorServices {
  readonly self: MessageRef<M>;
  readonly logger: Logger;
  readonly timers: BehaviourTimers<M>;
  /** Handles the next messages with `next`. */
  become(next: Receive<M>): void;
  /** Puts the current message aside until `unstashAll`. */
  stash(): void;
  /** Runs a turn of this actor when `target` has ended; at once if it has already. */
  watch(target: Addressed, run: (terminated: Terminated) => unknown): void;
  /** Sends `message` to itself when none came for `afterMs`; `undefined` turns it off. */
  onIdle(afterMs: number | undefined, message?: M): void;
}

export interface BehaviourOptions {
  readonly supervision?: Supervision;
  readonly mailbox?: MailboxOptions;
}

/** A definition of actors that take plain messages of type M. */
export interface Behaviour<M> extends Spawnable<MessageRef<M>, unknown> {
  /** Types only: never present at run time. */
  readonly "~message"?: (message: M) => void;
}

/** One life of a behaviour. It is its own context, which saves an object per actor. */
class BehaviourProgram<M> extends ServicesImplementation implements BehaviourContext<M>, Program {
  #receive: Receive<M> | undefined;
  #self: MessageRef<M> | undefined;

  /** Takes the first receive function, unless the set-up has called `become`. */
  begin(receive: Receive<M>): void {
    this.#receive ??= receive;
  }

  receive(message: unknown): unknown {
    return this.#receive?.(message as M);
  }

  get self(): MessageRef<M> {
    this.#self ??= new LocalMessageRef(this.life.cell);
    return this.#self;
  }

  get logger(): Logger {
    return this.ownLogger;
  }

  get timers(): BehaviourTimers<M> {
    const { life } = this;
    const set = life.timers;
    return {
      start: (name, schedule, message) =>
        life.startTimer(name, schedule, () => this.receive(message)),
      cancel: (name) => set.cancel(name),
      isActive: (name) => set.isActive(name),
    };
  }

  become(next: Receive<M>): void {
    this.life.use("become");
    this.#receive = next;
  }

  stash(): void {
    this.life.stash();
  }

  watch(target: Addressed, run: (terminated: Terminated) => unknown): void {
    this.life.watch(target, run);
  }

  onIdle(afterMs: number | undefined, ...message: M[]): void {
    const run = message.length === 0 ? undefined : () => this.receive(message[0]);
    this.life.onIdle(afterMs, run);
  }
}

/**
 * Defines an actor by what it does with each message: the lower level under `defineActor`.
 * `setUp` runs at each start (also after a restart) and returns the first receive function;
 * it may be asynchronous.
 */
export function defineBehaviour<M>(
  name: string,
  setUp: (context: BehaviourContext<M>) => Receive<M> | Promise<Receive<M>>,
  options: BehaviourOptions = {},
): Behaviour<M> {
  checkActorOptions(options);
  checkFunction("setUp", setUp);
  const blueprint: Blueprint = {
    kind: name,
    supervision: options.supervision,
    mailbox: options.mailbox,
    repliesByReturn: false,
    start(incarnation) {
      const program = new BehaviourProgram<M>(incarnation);
      const begin = (first: Receive<M>): Program => {
        program.begin(first);
        return program;
      };
      const receive = setUp(program);
      return receive instanceof Promise ? receive.then(begin) : begin(receive);
    },
    face: (target: FaceTarget) => new LocalMessageRef<M>(target),
  };
  return { name, "~blueprint": blueprint };
}
