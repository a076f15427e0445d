import type { ActorRef } from "./actor-ref.ts";
import type { CallOptions } from "./call-options.ts";
import { CommandRejectedError, Rejection, type Stashed } from "./rejection.ts";

/** What a handle talks to: a local actor, an entity of a shard, an actor of another node. */
export interface CommandTarget {
  readonly ref: ActorRef;
  /** Resolves with the reply, or with a `Rejection`. Never throws synchronously. */
  ask(command: string, input: readonly unknown[], options?: CallOptions): Promise<unknown>;
  /**
   * Like `ask`, but fails with a CommandRejectedError where `ask` resolves with a rejection. A
   * shorter way for targets that have it; `definition` is the name of the actor's definition.
   */
  call?(
    definition: string,
    command: string,
    input: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown>;
  /** Sends and forgets. What cannot be delivered becomes a dead letter. */
  tell(command: string, input: readonly unknown[], options?: CallOptions): void;
}

/** What a caller gets from a handler that returns R. */
export type ReplyOf<R> = Exclude<Awaited<R>, Rejection | Stashed>;

/** The rejections among what a handler returns. */
export type RejectionOf<R> = Extract<Awaited<R>, Rejection>;

/** A reply or a rejection, as a value. */
export type Tried<R> =
  | { readonly ok: true; readonly value: ReplyOf<R> }
  | { readonly ok: false; readonly rejection: RejectionOf<R> };

type AskMethods<C> = {
  readonly [K in keyof C]: C[K] extends (...input: infer I) => infer R
    ? (...input: I) => Promise<ReplyOf<R>>
    : never;
};

type TellMethods<C> = {
  readonly [K in keyof C]: C[K] extends (...input: infer I) => unknown
    ? (...input: I) => void
    : never;
};

type TryMethods<C> = {
  readonly [K in keyof C]: C[K] extends (...input: infer I) => infer R
    ? (...input: I) => Promise<Tried<R>>
    : never;
};

export interface HandleMembers<C> {
  /** The same commands, sent without waiting. */
  readonly tell: TellMethods<C>;
  /** The same commands; a rejection comes back as a value instead of a throw. */
  readonly try: TryMethods<C>;
  /** The same handle with other call options. */
  with(options: CallOptions): Handle<C>;
  readonly ref: ActorRef;
}

/** The typed face of an actor: its commands as methods that return promises. */
export type Handle<C> = AskMethods<C> & HandleMembers<C>;

/** A class whose instances are handles; made once per definition. */
export type HandleClass<C> = new (target: CommandTarget, options?: CallOptions) => Handle<C>;

/** Symbols, so that commands may be named `target` or `options`. */
const target = Symbol("target");
const options = Symbol("options");
const teller = Symbol("teller");
const trier = Symbol("trier");

class Face {
  readonly [target]: CommandTarget;
  readonly [options]: CallOptions | undefined;
  [teller]: Face | undefined = undefined;
  [trier]: Face | undefined = undefined;

  constructor(of: CommandTarget, how: CallOptions | undefined) {
    this[target] = of;
    this[options] = how;
  }
}

type Method = (this: Face, ...input: unknown[]) => unknown;

async function unwrap(
  face: Face,
  of: { readonly definition: string; readonly command: string },
  input: readonly unknown[],
): Promise<unknown> {
  const reply = await face[target].ask(of.command, input, face[options]);
  if (!(reply instanceof Rejection)) return reply;
  throw new CommandRejectedError({ actor: face[target].ref.path, ...of }, reply);
}

async function attempt(face: Face, command: string, input: readonly unknown[]): Promise<unknown> {
  const reply = await face[target].ask(command, input, face[options]);
  return reply instanceof Rejection ? { ok: false, rejection: reply } : { ok: true, value: reply };
}

function classOf(
  name: string,
  commands: readonly string[],
  make: (command: string) => Method,
): new (
  of: CommandTarget,
  how: CallOptions | undefined,
) => Face {
  const Made = class extends Face {};
  Object.defineProperty(Made, "name", { value: name });
  for (const command of commands) {
    const value = make(command);
    Object.defineProperty(Made.prototype, command, { value, enumerable: true });
  }
  return Made;
}

/**
 * Builds the class of the handles for actors of one kind: prebuilt methods rather than a proxy,
 * so a call costs one property access and a misspelt command is a TypeError, not a message.
 */
export function handleClass<C>(name: string, commandNames: readonly string[]): HandleClass<C> {
  const Teller = classOf(`${name}.tell`, commandNames, (command) => {
    return function (...input) {
      this[target].tell(command, input, this[options]);
    };
  });
  const Trier = classOf(`${name}.try`, commandNames, (command) => {
    return function (...input) {
      return attempt(this, command, input);
    };
  });
  const Asker = classOf(name, commandNames, (command) => {
    return function (...input) {
      const to = this[target];
      if (to.call !== undefined) return to.call(name, command, input, this[options]);
      return unwrap(this, { definition: name, command }, input);
    };
  });
  const lazily = (member: "tell" | "try", Of: typeof Teller): void => {
    const made = member === "tell" ? teller : trier;
    Object.defineProperty(Asker.prototype, member, {
      get(this: Face) {
        this[made] ??= new Of(this[target], this[options]);
        return this[made];
      },
    });
  };
  lazily("tell", Teller);
  lazily("try", Trier);
  Object.defineProperties(Asker.prototype, {
    with: {
      value(this: Face, more: CallOptions) {
        return new Asker(this[target], { ...this[options], ...more });
      },
    },
    ref: {
      get(this: Face) {
        return this[target].ref;
      },
    },
    toString: {
      value(this: Face) {
        return this[target].ref.toString();
      },
    },
  });
  // The methods were added by name; the compiler cannot see them.
  return Asker as unknown as HandleClass<C>;
}
