import { Ask } from "./ask.ts";
import { type How, type MailboxOptions, type Overflow, turn } from "./blueprint.ts";
import type { DeadLetterReason } from "./dead-letters.ts";
import type { Engine } from "./engine.ts";
import { Mailbox } from "./mailbox.ts";
import { TroupeError } from "./troupe-error.ts";

/** Whose inbox it is. */
export interface InboxOwner {
  readonly engine: Engine;
  readonly path: string;
}

/**
 * All messages that wait for one actor: its mailbox, what it stashed, and asks that wait
 * outside of the full mailbox.
 *
 *   I1. At most `messagesMax` messages are taken in; the actor's own turns always are, for
 *       their number is bounded by its timers.
 *   I2. Every message that is taken in leaves exactly once: by `take`, or by `refuse`.
 */
export class Inbox extends Mailbox<How> {
  readonly #owner: InboxOwner;
  readonly #messagesMax: number;
  readonly #overflow: Overflow;
  #stash: Mailbox<How> | undefined = undefined;
  #outside: Mailbox<How> | undefined = undefined;

  constructor(owner: InboxOwner, options: MailboxOptions | undefined) {
    super();
    this.#owner = owner;
    this.#messagesMax = options?.messagesMax ?? owner.engine.limits.mailboxMessagesMax;
    this.#overflow = options?.overflow ?? "reject";
  }

  /** All messages that wait. */
  get depth(): number {
    return this.length + (this.#stash?.length ?? 0) + (this.#outside?.length ?? 0);
  }

  /** Takes a message in, or does what the overflow policy says. */
  put(what: unknown, how: How): void {
    if (this.length < this.#messagesMax || how === turn) this.push(what, how);
    else this.#overflowBy(what, how);
  }

  #overflowBy(what: unknown, how: How): void {
    if (this.#overflow === "drop-oldest") {
      this.refuse(this.firstWhat(), this.firstHow(), "mailbox-full");
      this.dropFirst();
      this.push(what, how);
    } else if (this.#overflow === "backpressure" && how instanceof Ask && this.#hasRoomOutside()) {
      this.#outside ??= new Mailbox();
      this.#outside.push(what, how);
    } else {
      this.refuse(what, how, "mailbox-full");
    }
  }

  #hasRoomOutside(): boolean {
    return (this.#outside?.length ?? 0) < this.#owner.engine.limits.waitingAsksMax;
  }

  /** Drops the first message, which is handled now, and lets one in that waited outside. */
  take(): void {
    this.dropFirst();
    if (this.#outside !== undefined) this.#letIn(this.#outside);
  }

  #letIn(outside: Mailbox<How>): void {
    if (this.length < this.#messagesMax) {
      this.push(outside.firstWhat(), outside.firstHow());
      outside.dropFirst();
    }
    if (outside.length === 0) this.#outside = undefined;
  }

  stash(what: unknown, how: How): void {
    this.#stash ??= new Mailbox();
    const messagesMax = this.#owner.engine.limits.stashMessagesMax;
    if (this.#stash.length >= messagesMax) {
      throw new TroupeError("TROUPE_STASH_FULL", { actor: this.#owner.path, messagesMax });
    }
    this.#stash.push(what, how);
  }

  /** Puts the stashed messages before all that wait, in their order. */
  unstashAll(): void {
    const stash = this.#stash;
    if (stash === undefined) return;
    this.#stash = undefined;
    for (; stash.length > 0; stash.dropLast()) this.unshift(stash.lastWhat(), stash.lastHow());
  }

  /** Refuses everything that waits. */
  close(reason: DeadLetterReason): void {
    this.unstashAll();
    this.#refuseAll(this, reason);
    if (this.#outside !== undefined) this.#refuseAll(this.#outside, reason);
    this.#outside = undefined;
  }

  #refuseAll(box: Mailbox<How>, reason: DeadLetterReason): void {
    for (; box.length > 0; box.dropFirst()) this.refuse(box.firstWhat(), box.firstHow(), reason);
  }

  /** Fails an ask that still waits; of all others it makes a dead letter. */
  refuse(what: unknown, how: How, reason: DeadLetterReason): void {
    if (how === turn) return;
    const { engine, path: actor } = this.#owner;
    if (!(how instanceof Ask)) {
      engine.deadLetter(actor, { command: how ?? "", message: what, reason });
      return;
    }
    const { command } = how;
    if (how.settled) {
      engine.deadLetter(actor, { command, message: what, reason: "expired" });
    } else if (reason === "mailbox-full") {
      const messagesMax = this.#messagesMax;
      how.reject(new TroupeError("TROUPE_MAILBOX_FULL", { actor, command, messagesMax }));
    } else {
      how.reject(new TroupeError("TROUPE_ACTOR_STOPPED", { actor, command, handling: false }));
    }
  }
}
