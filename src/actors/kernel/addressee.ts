import { Ask } from "./ask.ts";
import type { FaceTarget, How } from "./blueprint.ts";
import type { CallOptions } from "./call-options.ts";
import { ReplyRef } from "./message-ref.ts";
import { TreeNode } from "./tree-node.ts";

/** A node of the tree that can be spoken to: turns calls into messages, and asks into promises. */
export abstract class Addressee<Self extends Addressee<Self>>
  extends TreeNode<Self>
  implements FaceTarget
{
  /** Takes a message in, or refuses it. Never throws. */
  abstract post(what: unknown, how: How): void;

  tell(command: string, input: readonly unknown[]): void {
    this.post(input, command);
  }

  send(message: unknown): void {
    this.post(message, null);
  }

  ask(command: string, input: readonly unknown[], options?: CallOptions): Promise<unknown> {
    return this.#post(input, new Ask(this.path, command), options);
  }

  call(
    definition: string,
    command: string,
    input: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown> {
    return this.#post(input, new Ask(this.path, command, definition), options);
  }

  #post(what: unknown, ask: Ask, options: CallOptions | undefined): Promise<unknown> {
    try {
      if (this.engine.await(ask, options)) this.post(what, ask);
    } catch (error) {
      ask.reject(error);
    }
    return ask.promise;
  }

  request(message: object, options?: CallOptions): Promise<unknown> {
    const { type } = message as { type?: unknown };
    const command = typeof type === "string" ? type : "message";
    const ask = new Ask(this.path, command);
    const replyTo = new ReplyRef(this, ask);
    // This order is what V8 copies quickly; replyTo must not be the message's own.
    const what = { replyTo, ...message };
    if (what.replyTo !== replyTo) what.replyTo = replyTo;
    return this.#post(what, ask, options);
  }

  /** An answer came to an ask that had settled. */
  answeredLate(command: string, answer: unknown): void {
    this.dead(command, answer, "late-reply");
  }

  /** Tells of something that reached nobody. */
  protected dead(
    command: string,
    message: unknown,
    reason: "expired" | "late-reply" | "unhandled",
  ): void {
    this.engine.deadLetter(this.path, { command, message, reason });
  }
}
