import type { ActorRef } from "./actor-ref.ts";
import type { Ask } from "./ask.ts";
import type { FaceTarget } from "./blueprint.ts";
import type { CallOptions } from "./call-options.ts";

type Questions<M> = M extends { readonly replyTo: MessageRef<never> } ? M : never;

/** The messages of M that are answered, without their `replyTo`. */
export type Question<M> =
  Questions<M> extends infer Q ? (Q extends unknown ? Omit<Q, "replyTo"> : never) : never;

/** What the question A among the messages of M is answered with. */
export type Answer<M, A> = M extends { readonly replyTo: MessageRef<infer R> }
  ? A extends Omit<M, "replyTo">
    ? R
    : never
  : never;

/** The address of an actor that takes plain messages of type M. */
export interface MessageRef<in M> {
  readonly ref: ActorRef;
  /** Sends and forgets. What cannot be delivered becomes a dead letter. */
  tell(message: M): void;
  /** Sends a message with `replyTo` filled in, and resolves with what comes back there. */
  ask<const A extends Question<M>>(message: A, options?: CallOptions): Promise<Answer<M, A>>;
}

export class LocalMessageRef<M> implements MessageRef<M> {
  readonly #target: FaceTarget;

  constructor(target: FaceTarget) {
    this.#target = target;
  }

  get ref(): ActorRef {
    return this.#target.ref;
  }

  tell(message: M): void {
    this.#target.send(message);
  }

  ask<const A extends Question<M>>(message: A, options?: CallOptions): Promise<Answer<M, A>> {
    // What is sent back is what the message's replyTo is typed with.
    return this.#target.request(message, options) as Promise<Answer<M, A>>;
  }

  toString(): string {
    return this.ref.toString();
  }
}

/** What a reply reference needs of the actor that was asked. */
interface Asked {
  readonly ref: ActorRef;
  answeredLate(command: string, answer: unknown): void;
}

/** Where the answer to one ask is sent. */
export class ReplyRef implements MessageRef<unknown> {
  readonly #asked: Asked;
  readonly #ask: Ask;

  constructor(asked: Asked, ask: Ask) {
    this.#asked = asked;
    this.#ask = ask;
  }

  /** The actor that was asked. */
  get ref(): ActorRef {
    return this.#asked.ref;
  }

  tell(answer: unknown): void {
    if (!this.#ask.resolve(answer)) this.#asked.answeredLate(this.#ask.command, answer);
  }

  ask(): Promise<never> {
    return Promise.reject(new TypeError("A reply reference takes one answer and gives none."));
  }
}
