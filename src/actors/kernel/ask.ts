import type { DeadlineList } from "./asks.ts";
import { CommandRejectedError, Rejection } from "./rejection.ts";
import { reasonOf, TroupeError } from "./troupe-error.ts";

type Resolve = (value: unknown) => void;
type Reject = (error: unknown) => void;

/** The two ends of the promise that was made last: one function for all, so that an ask costs no closure. */
let resolveOfLast: Resolve | undefined;
let rejectOfLast: Reject | undefined;
const keepEnds = (resolve: Resolve, reject: Reject): void => {
  resolveOfLast = resolve;
  rejectOfLast = reject;
};

/**
 * A caller's wait for one reply. It settles once: by its reply, its failure, its timeout or its
 * caller's signal.
 */
export class Ask {
  readonly actor: string;
  readonly command: string;
  /** With the name of the actor's definition a rejection fails the ask; without, it is the reply. */
  readonly definition: string | undefined;
  /** What the caller waits for. */
  readonly promise: Promise<unknown>;
  /** Where it waits for its deadline; set by `Asks` only. */
  list: DeadlineList | undefined = undefined;
  /** On the clock of `Asks`; 0 = not set yet. */
  deadlineMs = 0;
  previous: Ask | undefined = undefined;
  next: Ask | undefined = undefined;
  /** undefined = it has settled. */
  #resolve: Resolve | undefined;
  #reject: Reject | undefined;
  #forget: (() => void) | undefined = undefined;

  constructor(actor: string, command: string, definition?: string) {
    this.actor = actor;
    this.command = command;
    this.definition = definition;
    this.promise = new Promise(keepEnds);
    this.#resolve = resolveOfLast;
    this.#reject = rejectOfLast;
  }

  get settled(): boolean {
    return this.#resolve === undefined;
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
    const resolve = this.#resolve;
    if (resolve === undefined) return false;
    const { definition } = this;
    if (definition !== undefined && value instanceof Rejection) {
      const { actor, command } = this;
      return this.reject(new CommandRejectedError({ actor, definition, command }, value));
    }
    this.#close();
    resolve(value);
    return true;
  }

  /** Fails the ask. False when it had settled before. */
  reject(error: unknown): boolean {
    const reject = this.#reject;
    if (reject === undefined) return false;
    this.#close();
    reject(error);
    return true;
  }

  #close(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    this.list?.remove(this);
    if (this.#forget !== undefined) this.#forget();
  }
}
