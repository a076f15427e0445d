import type { DeadlineList } from "./asks.ts";
import { CommandRejectedError, Rejection } from "./rejection.ts";
import { reasonOf, TroupeError } from "./troupe-error.ts";

/** The two ends of a promise. */
export interface Settle {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A caller's wait for one reply. It settles once: by its reply, its failure, its timeout or its
 * caller's signal.
 */
export class Ask {
  readonly actor: string;
  readonly command: string;
  /** With the name of the actor's definition a rejection fails the ask; without, it is the reply. */
  readonly definition: string | undefined;
  /** Where it waits for its deadline; set by `Asks` only. */
  list: DeadlineList | undefined = undefined;
  /** On the clock of `Asks`; 0 = not set yet. */
  deadlineMs = 0;
  previous: Ask | undefined = undefined;
  next: Ask | undefined = undefined;
  #settle: Settle | undefined;
  #forget: (() => void) | undefined = undefined;

  constructor(actor: string, command: string, settle: Settle, definition?: string) {
    this.actor = actor;
    this.command = command;
    this.definition = definition;
    this.#settle = settle;
  }

  get settled(): boolean {
    return this.#settle === undefined;
  }

  /** Ends the wait when the caller's signal fires. */
  obey(signal: AbortSignal): void {
    const abort = (): void => {
      const { actor, command } = this;
      const cause: unknown = signal.reason;
      this.reject(new TroupeError("TROUPE_CALL_ABORTED", { actor, command }, { cause }));
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener("abort", abort, { once: true });
    this.#forget = () => signal.removeEventListener("abort", abort);
  }

  /** The handler threw. */
  fail(error: unknown): void {
    const { actor, command } = this;
    const details = { actor, command, reason: reasonOf(error) };
    this.reject(new TroupeError("TROUPE_COMMAND_FAILED", details, { cause: error }));
  }

  /** Gives the reply. False when the ask had settled before: the reply came too late. */
  resolve(value: unknown): boolean {
    const settle = this.#close();
    if (settle === undefined) return false;
    const { actor, command, definition } = this;
    if (definition !== undefined && value instanceof Rejection) {
      settle.reject(new CommandRejectedError({ actor, definition, command }, value));
    } else settle.resolve(value);
    return true;
  }

  /** Fails the ask. False when it had settled before. */
  reject(error: unknown): boolean {
    const settle = this.#close();
    settle?.reject(error);
    return settle !== undefined;
  }

  #close(): Settle | undefined {
    const settle = this.#settle;
    if (settle === undefined) return undefined;
    this.#settle = undefined;
    this.list?.remove(this);
    if (this.#forget !== undefined) this.#forget();
    return settle;
  }
}
