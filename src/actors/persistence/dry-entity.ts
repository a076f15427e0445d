/** An entity without a log, a host or a queue: runs single turns and shows what they would write. For test kits. */

import { handleCommand } from "./command-handler.ts";
import type { PersistentActorModel } from "./define-persistent-actor.ts";
import {
  type EntityState,
  foldUser,
  initialEntityState,
  internalEvents,
  withTimer,
} from "./entity-state.ts";
import { type Answer, answerOf, Call } from "./entity-work.ts";
import { decodePayload, storePayload } from "./payload-codec.ts";
import type { EffectRow } from "./pending-effects.ts";
import { Turn } from "./turn.ts";
import { TurnSubject, type TurnSurroundings } from "./turn-subject.ts";

/** An event with its payload, as a test gives and gets it. */
export interface DryEvent {
  readonly type: string;
  readonly data: unknown;
}

/** What a turn came to. Of a turn that failed or rejected nothing is kept. */
export interface DryTurn {
  readonly answer: Answer;
  /** The user's events only. */
  readonly events: readonly DryEvent[];
  readonly state: unknown;
  readonly timers: EntityState["timers"];
  /** The reliable effects that this turn asked for. */
  readonly effects: readonly { readonly effect: string; readonly data: unknown }[];
  readonly stopped: boolean;
  readonly deleted: boolean;
}

export class DryEntity {
  readonly #subject: TurnSubject;
  #state: EntityState;

  constructor(model: PersistentActorModel, id: string, around: TurnSurroundings) {
    this.#subject = new TurnSubject(model, id, around);
    this.#state = initialEntityState(model, id);
  }

  /** Applies an event that lies in the past, as a recovery would. */
  given({ type, data }: DryEvent): void {
    const payload = storePayload(data, `The event "${type}"`).value;
    this.#state = foldUser(this.#subject.model, this.#state, { type, payload });
  }

  command(name: string, input: readonly unknown[], nowMs: number): Promise<DryTurn> {
    const turn = new Turn(this.#subject, this.#state, nowMs);
    const call = new Call(name, input, undefined, undefined);
    return this.#run(turn, () => handleCommand(turn, call));
  }

  /** Runs a timer's handler as if the timer had been started with `data` and were due. */
  timer(name: string, data: unknown, nowMs: number): Promise<DryTurn> {
    const state = withTimer(this.#state, name, { atMs: nowMs, data });
    const turn = new Turn(this.#subject, state, nowMs);
    turn.fireTimer(name);
    const handler = this.#subject.model.timers.get(name);
    return this.#run(turn, () => handler?.(turn.context as never, data as never));
  }

  async #run(turn: Turn, handle: () => unknown): Promise<DryTurn> {
    let answer: Answer;
    try {
      answer = answerOf(await handle());
    } catch (error) {
      answer = { kind: "fault", error };
    }
    turn.end();
    const kept = answer.kind === "reply";
    if (kept) {
      this.#state = turn.deleting
        ? initialEntityState(this.#subject.model, this.#subject.id)
        : turn.state;
      turn.runEffects();
    }
    const staged = kept ? turn.staged : [];
    const events = staged.filter(({ type }) => !type.startsWith("~"));
    const effects = staged
      .filter(({ type }) => type === internalEvents.effectStaged)
      .map(({ payload }) => decodePayload(payload) as EffectRow);
    return {
      answer,
      effects: effects.map(([, effect, data]) => ({ effect, data })),
      events: events.map(({ type, payload }) => ({ type, data: decodePayload(payload) })),
      state: this.#state.user,
      timers: this.#state.timers,
      stopped: kept && turn.stopping,
      deleted: kept && turn.deleting,
    };
  }
}
