import type { ActorRef } from "./actor-ref.ts";
import type { Ask } from "./ask.ts";
import type { CallOptions } from "./call-options.ts";
import type { Incarnation } from "./incarnation.ts";
import type { Supervision } from "./supervision.ts";

/** Marks a mailbox entry that is a turn of the kernel's own: a timer, a termination, a timeout. */
export const turn = Symbol("turn");

/**
 * How a message came: the name of a told command, an ask, `null` for a plain message, or
 * `turn` for a function to be run as a turn.
 */
export type How = string | Ask | null | typeof turn;

/** One life of an actor's own code. */
export interface Program {
  /** Handles a message; what it returns (or resolves with) is the reply to an ask. */
  receive(what: unknown, how: string | Ask | null): unknown;
}

/** A result that says: somebody else replies. */
export const handedOn = Symbol("handed on");

/** A result that fails the ask without being a fault: bad input, an unknown command. */
export class Refusal {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** What happens to a message for a full mailbox. */
export type Overflow =
  /** Refuse the new one: the ask fails, the tell becomes a dead letter. */
  | "reject"
  /** The same for the oldest one; the new one is taken. */
  | "drop-oldest"
  /** Asks wait outside (bounded, until their timeout) until there is room; tells are refused. */
  | "backpressure";

export interface MailboxOptions {
  /** Messages that may wait. Default `limits.mailboxMessagesMax`, at least 1. */
  readonly messagesMax?: number;
  /** Default `reject`. */
  readonly overflow?: Overflow;
}

/** What the kernel needs to know to run actors of one kind. */
export interface Blueprint {
  readonly kind: string;
  readonly supervision: Supervision | undefined;
  readonly mailbox: MailboxOptions | undefined;
  /** Whether what `receive` returns is the reply. */
  readonly repliesByReturn: boolean;
  /** Makes the program of a new life; may be asynchronous. */
  start(incarnation: Incarnation, props: unknown): Program | Promise<Program>;
  /** The typed face of an actor of this kind. */
  face(target: FaceTarget): unknown;
  /** What `actors()` shows of the state. */
  inspect?(program: Program): unknown;
}

/** The narrow side of a cell that faces (handles and message refs) are built on. */
export interface FaceTarget {
  readonly ref: ActorRef;
  ask(command: string, input: readonly unknown[], options?: CallOptions): Promise<unknown>;
  tell(command: string, input: readonly unknown[]): void;
  /** Sends a plain message. */
  send(message: unknown): void;
  /** Sends a message that is given the reference to reply to. */
  request(message: object, options?: CallOptions): Promise<unknown>;
}

/** Anything that `spawn` takes: a definition of an actor or a behaviour. */
export interface Spawnable<out H, in P> {
  readonly name: string;
  /** @internal */
  readonly "~blueprint": Blueprint;
  /** Types only: never present at run time. */
  readonly "~spawned"?: { readonly handle: H; readonly props: (props: P) => void };
}

export interface SpawnOptions {
  /** Overrides the mailbox of the definition. */
  readonly mailbox?: MailboxOptions;
  /** Overrides the supervision of the definition. */
  readonly supervision?: Supervision;
}

/** Options with props, when the type of the props no longer matters. */
export type GivenOptions = SpawnOptions & { readonly props?: unknown };

/** Shared, so that an actor without options costs no object for them. */
export const noOptions: GivenOptions = {};

/** The last arguments of `spawn`: with props where the definition wants them. */
export type SpawnArgs<P> = unknown extends P
  ? [options?: SpawnOptions]
  : [options: SpawnOptions & { readonly props: P }];
