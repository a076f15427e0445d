import { Ask } from "./ask.ts";
import { type How, type MailboxOptions, type Overflow, turn } from "./blueprint.ts";
import type { DeadLetterReason } from "./dead-letters.ts";
import type { Engine } from "./engine.ts";
import { Mailbox } from "./mailbox.ts";
import { TroupeError } from "./troupe-error.ts";

/**
 * All messages that wait for one actor: the mailbox, what was stashed, and asks that wait
 * outside of a full mailbox.
 *
 *   I1. At most `messagesMax` messages of senders wait in the mailbox; turns of the actor itself
 *       (timers) are not counted out, for their number is bounded by the timers.
 *   I2. Every message that is taken in leaves exactly once: to the actor, or by `refuse`.
 */
export class Inbox {
  readonly box = new Mailbox<How>();
  readonly #engine: Engine;
  readonly #path: () => string;
  readonly #messagesMax: number;
  readonly #overflow: Overflow;
  #stash: Mailbox<How> | undefined;
  #outside: Mailbox<How> | undefined;

  constructor(engine: Engine, path: () => string, options: MailboxOptions | undefined) {
    this.#engine = engine;
    this.#path = path;
    this.#messagesMax = options?.messagesMax ?? engine.limits.mailboxMessagesMax;
    this.#overflow = options?.overflow ?? "reject";
    if (!(this.#messagesMax >= 1)) {
      throw new TroupeError("TROUPE_OPTION_INVALID", {
        option: "mailbox.messagesMax",
        expected: "1 or more",
        got: String(this.#messagesMax),
      });
    }
  }

  /** Messages that wait, stashed ones included. */
  get depth(): number {
    return this.box.length + (this.#stash?.length ?? 0) + (this.#outside?.length ?? 0);
  }

  /** Takes a message of a sender in, or does what the overflow policy says. */
  put(what: unknown, how: How): void {
    if (this.box.length < this.#messagesMax || how === turn) {
      this.box.push(what, how);
      return;
    }
    if (this.#overflow === "drop-oldest") {
      this.refuse(this.box.firstWhat(), this.box.firstHow(), "mailbox-full");
      this.box.dropFirst();
      this.box.push(what, how);
    } else if (this.#overflow === "backpressure" && how instanceof Ask && this.#hasRoomOutside()) {
      this.#outside ??= new Mailbox();
      this.#outside.push(what, how);
    } else {
      this.refuse(what, how, "mailbox-full");
    }
  }

  #hasRoomOutside(): boolean {
    return (this.#outside?.length ?? 0) < this.#engine.limits.waitingAsksMax;
  }

  /** Drops the first message and lets one in that waited outside. */
  dropFirst(): void {
    this.box.dropFirst();
    const outside = this.#outside;
    if (outside !== undefined && outside.length > 0 && this.box.length < this.#messagesMax) {
      this.box.push(outside.firstWhat(), outside.firstHow());
      outside.dropFirst();
    }
  }

  stash(what: unknown, how: How): void {
    this.#stash ??= new Mailbox();
    const messagesMax = this.#engine.limits.stashMessagesMax;
    if (this.#stash.length >= messagesMax) {
      throw new TroupeError("TROUPE_STASH_FULL", { actor: this.#path(), messagesMax });
    }
    this.#stash.push(what, how);
  }

  /** Puts the stashed messages before all that wait, in their order. */
  unstashAll(): void {
    const stash = this.#stash;
    if (stash === undefined) return;
    this.#stash = undefined;
    const messages: [unknown, How][] = [];
    for (; stash.length > 0; stash.dropFirst())
      messages.push([stash.firstWhat(), stash.firstHow()]);
    for (const [what, how] of messages.reverse()) this.box.unshift(what, how);
  }

  /** Refuses everything that waits. */
  close(reason: DeadLetterReason): void {
    this.unstashAll();
    for (const box of [this.box, this.#outside]) {
      if (box === undefined) continue;
      for (; box.length > 0; box.dropFirst()) this.refuse(box.firstWhat(), box.firstHow(), reason);
    }
  }

  /** Fails an ask, or makes a dead letter of a tell. */
  refuse(what: unknown, how: How, reason: DeadLetterReason): void {
    if (how === turn) return;
    const actor = this.#path();
    if (!(how instanceof Ask)) {
      this.#engine.deadLetter(actor, { command: how ?? "", message: what, reason });
      return;
    }
    const { command } = how;
    if (reason === "mailbox-full") {
      const messagesMax = this.#messagesMax;
      how.reject(new TroupeError("TROUPE_MAILBOX_FULL", { actor, command, messagesMax }));
    } else {
      how.reject(new TroupeError("TROUPE_ACTOR_STOPPED", { actor, command, handling: false }));
    }
  }
}
