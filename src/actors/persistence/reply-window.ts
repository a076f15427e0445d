/**
 * The idempotency keys that an entity remembers, each with the stored bytes of its first reply.
 *
 * Immutable from outside: `with` gives a new window and leaves the old one as it was. Inside, the
 * windows of one history share a growing list and each sees its own stretch of it, so that adding
 * costs O(1) and not a copy of a thousand keys.
 *
 * Invariants:
 *  W1. A window sees exactly the slots [#from, #to) of its list; slots below #to never change.
 *  W2. Only the newest window of a list appends to it; an older one starts a list of its own.
 *  W3. What a list has forgotten and keeps alive is bounded like what it remembers: by count, and by bytes.
 */
import { limits } from "../kernel/index.ts";

export interface RememberedReply {
  readonly key: string;
  /** As `encodeReply` made them. */
  readonly bytes: Uint8Array;
}

interface Shared {
  readonly slots: RememberedReply[];
  readonly slotOf: Map<string, number>;
  /** Of the slots that the newest window no longer sees. */
  forgottenBytes: number;
}

export class ReplyWindow {
  readonly #shared: Shared;
  readonly #from: number;
  readonly #to: number;
  readonly #bytes: number;

  private constructor(shared: Shared, from: number, to: number, bytes: number) {
    this.#shared = shared;
    this.#from = from;
    this.#to = to;
    this.#bytes = bytes;
  }

  static empty(): ReplyWindow {
    return new ReplyWindow({ slots: [], slotOf: new Map(), forgottenBytes: 0 }, 0, 0, 0);
  }

  get size(): number {
    return this.#to - this.#from;
  }

  get(key: string): RememberedReply | undefined {
    const slot = this.#shared.slotOf.get(key);
    if (slot === undefined || slot < this.#from || slot >= this.#to) return undefined;
    return this.#shared.slots[slot];
  }

  /** Oldest first. */
  entries(): readonly RememberedReply[] {
    return this.#shared.slots.slice(this.#from, this.#to);
  }

  /** Remembers one more; beyond the limits of count and bytes the oldest are forgotten. */
  with(reply: RememberedReply): ReplyWindow {
    const shared = this.#appendable();
    const offset = shared === this.#shared ? 0 : this.#from;
    const to = shared.slots.push(reply);
    shared.slotOf.set(reply.key, to - 1);
    let from = this.#from - offset;
    let bytes = this.#bytes + weightOf(reply);
    while (
      to - from > limits.idempotencyKeysMax ||
      (bytes > limits.idempotencyBytesMax && to - from > 1)
    ) {
      const oldest = shared.slots[from] as RememberedReply;
      bytes -= weightOf(oldest);
      shared.forgottenBytes += weightOf(oldest);
      from++;
    }
    return new ReplyWindow(shared, from, to, bytes);
  }

  /** This window's list if it may grow (W2) and is not mostly forgotten slots; else a fresh copy. */
  #appendable(): Shared {
    const { slots, forgottenBytes } = this.#shared;
    const isNewest = slots.length === this.#to;
    const isLean =
      this.#from <= limits.idempotencyKeysMax && forgottenBytes <= limits.idempotencyBytesMax;
    if (isNewest && isLean) return this.#shared;
    const own = this.entries().slice();
    const slotOf = new Map(own.map((reply, slot) => [reply.key, slot]));
    return { slots: own, slotOf, forgottenBytes: 0 };
  }
}

function weightOf(reply: RememberedReply): number {
  return reply.bytes.length + reply.key.length;
}
