import type { ActorServices, Addressed, Terminated, TimerSchedule } from "./actor-services.ts";
import type { Blueprint, FaceTarget, MailboxOptions, Program, Spawnable } from "./blueprint.ts";
import { checkActorOptions, checkCommands, checkFunction } from "./check-options.ts";
import type { CommandMap, MethodOf } from "./command.ts";
import { CommandProgram, CommandTable } from "./command-program.ts";
import { type Handle, handleClass } from "./handle.ts";
import type { Logger } from "./logger.ts";
import type { Rejection, Stashed } from "./rejection.ts";
import { type CheckCommands, checkCommandNames } from "./reserved-names.ts";
import type { Supervision } from "./supervision.ts";

/** The in-memory timers of an actor. Each tick is a turn. */
export interface ActorTimers<Me> {
  /** Starts a timer; one of the same name is replaced. */
  start(name: string, schedule: TimerSchedule, run: (me: Me) => unknown): void;
  cancel(name: string): void;
  isActive(name: string): boolean;
}

/** What a command of an in-memory actor gets as its first argument. */
export interface ActorContext<S> extends ActorServices {
  /** The actor's own state: change it in place, or assign a new one. */
  state: S;
  readonly log: Logger;
  readonly timers: ActorTimers<ActorContext<S>>;
  /** An answer that says no: `return actor.reject("sold-out", { left: 0 })`. */
  reject<const Reason extends string>(reason: Reason): Rejection<Reason, undefined>;
  reject<const Reason extends string, Details>(
    reason: Reason,
    details: Details,
  ): Rejection<Reason, Details>;
  /** Puts the current command aside until `unstashAll`: `return actor.stash()`. */
  stash(): Stashed;
  /** Runs a turn of this actor when `target` has ended; at once if it has already. */
  watch(target: Addressed, run: (me: ActorContext<S>, terminated: Terminated) => unknown): void;
  /** Runs a turn when no message came for `afterMs`; `undefined` turns it off. */
  onIdle(afterMs: number | undefined, run?: (me: ActorContext<S>) => unknown): void;
}

/** What `initialState` is given. */
export interface ActorSelf extends ActorServices {
  readonly log: Logger;
}

export interface ActorOptions<S, P> {
  /** Makes the state of a new life: at spawn, and after each restart. May be asynchronous. */
  readonly initialState: (self: ActorSelf, props: P) => S | Promise<S>;
  readonly supervision?: Supervision;
  readonly mailbox?: MailboxOptions;
}

export interface ActorDefinition<C, P = unknown> extends Spawnable<Handle<C>, P> {
  readonly commandNames: readonly (string & keyof C)[];
  /** Types only: never present at run time. */
  readonly "~types"?: { readonly commands: C };
}

export interface ActorWithoutCommands<S, P> {
  /** Names the commands. The first argument of each is the context; callers do not see it. */
  commands<C extends CommandMap<ActorContext<S>>>(
    commands: C & CheckCommands<C>,
  ): ActorDefinition<{ readonly [K in keyof C]: MethodOf<C[K]> }, P>;
}

/** Defines an actor whose state lives in memory. `name` is for people: it appears in logs and metrics. */
export function defineActor<S, P = unknown>(
  name: string,
  options: ActorOptions<S, P>,
): ActorWithoutCommands<S, P> {
  checkActorOptions(options);
  checkFunction("initialState", options.initialState);
  return {
    commands<C extends CommandMap<ActorContext<S>>>(commands: C & CheckCommands<C>) {
      type Methods = { readonly [K in keyof C]: MethodOf<C[K]> };
      checkCommands(commands);
      const commandNames = Object.keys(commands);
      checkCommandNames(name, commandNames);
      const table = new CommandTable(commands);
      const HandleOf = handleClass<Methods>(name, commandNames);
      const blueprint: Blueprint = {
        kind: name,
        supervision: options.supervision,
        mailbox: options.mailbox,
        repliesByReturn: true,
        start(incarnation, props) {
          const program = new CommandProgram<S>(incarnation, table);
          const begin = (state: S): Program => {
            program.begin(state);
            return program;
          };
          // spawn's types ask for the props that the definition wants.
          const state = options.initialState(program, props as P);
          return state instanceof Promise ? state.then(begin) : begin(state);
        },
        face: (target: FaceTarget) => new HandleOf(target),
        inspect: (program) => (program as CommandProgram<S>).state,
      };
      return { name, commandNames, "~blueprint": blueprint };
    },
  };
}
