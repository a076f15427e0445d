/** `definePersistentActor(name, options).events().effects().timers().commands()`: the definition, typed end to end. */
import {
  type CheckCommands,
  type CommandMap,
  checkCommandNames,
  checkCommands,
  checkRecord,
  type HandleClass,
  handleClass,
  type MethodOf,
} from "../kernel/index.ts";
import {
  checkDefinitionName,
  checkDefinitionOptions,
  checkEffectOptions,
  checkHandlers,
  ofDefinition,
} from "./check-definition.ts";
import { EventAdapter, type RawEvent, upcastsOf } from "./event-adapter.ts";
import type { EventMap, ExactStates, PayloadOf } from "./event-map.ts";
import type { PersistentContext, RecoveredContext } from "./persistent-context.ts";
import type { EffectContext, EffectOptions } from "./reliable-effects.ts";

/** When an entity's state is written into the log, so that recovery need not go further back. */
export interface SnapshotOptions {
  /** After so many events. Default `limits.snapshotEveryEvents`. */
  readonly everyEvents?: number;
  /** After so many bytes of events. Default `limits.snapshotEveryBytes`. */
  readonly everyBytes?: number;
  /** With the first event written so many milliseconds after the last one. Default: never for its age alone. */
  readonly everyMs?: number;
  /** Version of the state's shape, starting from 1 (the default). */
  readonly version?: number;
  /** `upcast[n]` turns a stored state of version n into one of version n + 1. */
  readonly upcast?: { readonly [fromVersion: number]: (old: never) => unknown };
}

export interface PersistentActorOptions<S> {
  /** The state before the first event. Plain data: what `persist` can store. */
  readonly initialState: (id: string) => S;
  readonly snapshot?: SnapshotOptions;
  /** true: each command waits until the one before is in the log. Default false: up to `limits.unconfirmedTurnsMax` ahead. */
  readonly serial?: boolean;
  /** Leaves memory after so many milliseconds without a command. Default `limits.passivateAfterMs`; Infinity = never. */
  readonly passivateAfterMs?: number;
  /** How many messages may wait. Default `limits.mailboxMessagesMax`. */
  readonly mailbox?: { readonly messagesMax?: number };
  /** true = half-done work: after a crash of everything this entity is started again by itself. */
  readonly open?: (state: NoInfer<Readonly<S>>) => boolean;
  /**
   * A turn after each recovery from the log, before any command: the place to redo side effects. It does
   * not run for an id that has never written. What it throws fails the recovery, which is tried again.
   */
  readonly recovered?: (context: RecoveredContext<NoInfer<S>>) => unknown;
}

/** What is still to be said: `.events({ … })`. */
export interface PersistentActorWithoutEvents<S> {
  /** The events and how each changes the state: pure functions, also run at every recovery. */
  events<E extends EventMap<S>>(
    events: E & ExactStates<E, S>,
  ): PersistentActorWithoutEffects<S, { readonly [K in keyof E]: PayloadOf<E[K]> }>;
}

/** What is still to be said: effects and timers where there are any, then `.commands({ … })`. */
export interface PersistentActorWithoutEffects<S, E>
  // biome-ignore lint/complexity/noBannedTypes: no effects
  extends PersistentActorWithoutTimers<S, E, {}> {
  /** Reliable effects: names and data as the type argument, handlers as the value. */
  effects<F extends object = { "write .effects<{ name: Data }>({ name: handler })": never }>(
    handlers: { readonly [K in keyof NoInfer<F>]: (effect: EffectContext, data: F[K]) => unknown },
    options?: EffectOptions,
  ): PersistentActorWithoutTimers<S, E, F>;
}

/** What is still to be said: `.timers<{ … }>({ … })` where there are any, then `.commands({ … })`. */
export interface PersistentActorWithoutTimers<S, E, F>
  // biome-ignore lint/complexity/noBannedTypes: no timers
  extends PersistentActorWithoutCommands<S, E, {}, F> {
  /** Durable timers: names and data as the type argument, handlers as the value. */
  timers<T extends object = { "write .timers<{ name: Data }>({ name: handler })": never }>(
    handlers: {
      readonly [K in keyof NoInfer<T>]: (
        context: PersistentContext<S, E, T, F>,
        data: T[K],
      ) => unknown;
    },
  ): PersistentActorWithoutCommands<S, E, T, F>;
}

/** What is still to be said: `.commands({ … })`. */
export interface PersistentActorWithoutCommands<S, E, T, F> {
  /** The commands: each is one turn. */
  commands<C extends CommandMap<PersistentContext<S, E, T, F>>>(
    commands: C & CheckCommands<C>,
  ): PersistentActorDefinition<S, E, { readonly [K in keyof C]: MethodOf<C[K]> }>;
}

/** A definition with its types gone: what hosts and test kits run. */
export interface PersistentActorModel {
  readonly name: string;
  readonly options: PersistentActorOptions<unknown>;
  readonly events: EventAdapter;
  readonly timers: ReadonlyMap<string, (context: never, data: never) => unknown>;
  readonly effects: ReadonlyMap<string, (effect: EffectContext, data: never) => unknown>;
  readonly effectOptions: EffectOptions;
  readonly commands: ReadonlyMap<string, CommandMap<never>[string]>;
  readonly snapshotVersion: number;
  readonly snapshotUpcasts: readonly ((old: unknown) => unknown)[];
}

/** Any persistent actor's definition. */
export interface AnyPersistentActorDefinition {
  readonly kind: "persistent-actor";
  readonly name: string;
  readonly model: PersistentActorModel;
}

/** A persistent actor: `system.actor(Definition, id)` gives the handle of one entity. */
export interface PersistentActorDefinition<S, E, C> extends AnyPersistentActorDefinition {
  readonly Handle: HandleClass<C>;
  /** Types only: never present at run time. */
  readonly "~types"?: { readonly state: S; readonly events: E; readonly commands: C };
}

/**
 * Begins the definition of a persistent actor: its state is what its events have made of it, and a
 * reply means that they are in the journal.
 *
 * @param name stored with every event; not empty, without "/" and never changed later.
 * @throws TROUPE_NAME_INVALID, TROUPE_OPTION_INVALID for what the types would have refused, here or at a later step.
 */
export function definePersistentActor<S>(
  name: string,
  options: PersistentActorOptions<S>,
): PersistentActorWithoutEvents<S> {
  checkDefinitionName(name);
  checkDefinitionOptions(name, options);
  const untyped = options as unknown as PersistentActorOptions<unknown>;
  const withEvents = (events: Readonly<Record<string, RawEvent>>) => {
    checkRecord(`events${ofDefinition(name)}`, events);
    const adapter = new EventAdapter(name, events);
    const withEffects = (effects: EffectMap, effectOptions: EffectOptions = {}) => {
      checkHandlers(name, "effects", effects);
      checkEffectOptions(name, effectOptions);
      const commandsWith = (timers: HandlerMap) => (commands: CommandMap<never>) =>
        definitionOf(
          modelOf({ name, options: untyped, adapter, effects, effectOptions, timers, commands }),
        );
      const withTimers = (timers: HandlerMap) => {
        checkHandlers(name, "timers", timers);
        return { commands: commandsWith(timers) };
      };
      return { commands: commandsWith({}), timers: withTimers };
    };
    return { ...withEffects({}), effects: withEffects };
  };
  // The chain's types are its interfaces; at run time each step only collects.
  return { events: withEvents } as unknown as PersistentActorWithoutEvents<S>;
}

type EffectMap = Readonly<Record<string, (effect: EffectContext, data: never) => unknown>>;
type HandlerMap = Readonly<Record<string, (context: never, data: never) => unknown>>;

interface Parts {
  readonly name: string;
  readonly options: PersistentActorOptions<unknown>;
  readonly adapter: EventAdapter;
  readonly effects: EffectMap;
  readonly effectOptions: EffectOptions;
  readonly timers: HandlerMap;
  readonly commands: CommandMap<never>;
}

function modelOf(parts: Parts): PersistentActorModel {
  const { name, options, adapter, effects, effectOptions, timers, commands } = parts;
  checkCommands(commands, ofDefinition(name));
  checkCommandNames(name, Object.keys(commands));
  const snapshotVersion = options.snapshot?.version ?? 1;
  const upcast = (options.snapshot?.upcast ?? {}) as Record<number, (old: unknown) => unknown>;
  return {
    name,
    options,
    events: adapter,
    effects: new Map(Object.entries(effects)),
    effectOptions,
    timers: new Map(Object.entries(timers)),
    commands: new Map(Object.entries(commands)),
    snapshotVersion,
    snapshotUpcasts: upcastsOf(`the snapshot${ofDefinition(name)}`, snapshotVersion, upcast),
  };
}

function definitionOf(
  model: PersistentActorModel,
): PersistentActorDefinition<unknown, unknown, unknown> {
  return {
    kind: "persistent-actor",
    name: model.name,
    model,
    Handle: handleClass(model.name, [...model.commands.keys()]),
  };
}
