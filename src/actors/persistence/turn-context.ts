/** What a handler sees of its turn. All that it does the turn checks; after the turn it refuses everything. */
import { type Logger, Rejection } from "../kernel/index.ts";
import type { PersistentContext } from "./persistent-context.ts";
import type { Turn } from "./turn.ts";

/** The context that handlers get, with the types of their definition gone. */
export type UntypedContext = PersistentContext<
  object,
  Record<string, unknown>,
  Record<string, unknown>,
  Record<string, unknown>
>;

export class TurnContext implements UntypedContext {
  readonly #turn: Turn;

  constructor(turn: Turn) {
    this.#turn = turn;
  }

  get state(): object {
    this.#turn.check("state");
    // Whatever it is: the definition's types know.
    return this.#turn.state.user as object;
  }

  get id(): string {
    return this.#turn.subject.id;
  }

  get now(): Date {
    return new Date(this.#turn.nowMs);
  }

  get signal(): AbortSignal {
    return this.#turn.signal;
  }

  get log(): Logger {
    return this.#turn.subject.log;
  }

  get timers(): UntypedContext["timers"] {
    const turn = this.#turn;
    return {
      start: (name, time, ...data) => {
        turn.checkWrite("timers.start");
        turn.startTimer(name, time, data[0]);
      },
      cancel: (name) => {
        turn.checkWrite("timers.cancel");
        turn.cancelTimer(name);
      },
    };
  }

  get effects(): UntypedContext["effects"] {
    const turn = this.#turn;
    return {
      run: (name, ...data) => {
        turn.checkWrite("effects.run");
        return turn.stageEffect(name, data[0]);
      },
      cancel: (idempotencyKey) => {
        turn.checkWrite("effects.cancel");
        turn.cancelEffect(idempotencyKey);
      },
    };
  }

  persist(type: string, ...payload: readonly unknown[]): void {
    this.#turn.checkWrite("persist");
    this.#turn.persist(type, payload[0]);
  }

  reject<Reason extends string>(reason: Reason, details?: unknown): Rejection<Reason, never> {
    // `never` fits both overloads; the details are whatever the caller gave.
    return new Rejection(reason, details as never);
  }

  afterCommit(effect: () => unknown): void {
    this.#turn.check("afterCommit");
    this.#turn.addEffect(effect);
  }

  stop(): void {
    this.#turn.check("stop");
    this.#turn.stopping = true;
  }

  delete(): void {
    this.#turn.checkWrite("delete");
    this.#turn.delete();
  }
}
