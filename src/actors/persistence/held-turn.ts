/**
 * A turn whose handler is asynchronous: it holds its entity until the handler's promise settles, or until it is
 * revoked: then what the handler still does and returns is void.
 */
import { type Clock, isThenable } from "../kernel/index.ts";
import { type Answer, answerOf, Call, type Work } from "./entity-work.ts";
import type { Turn } from "./turn.ts";
import type { TurnSubject } from "./turn-subject.ts";

/** Who is told that a turn's handler has ended. */
export interface TurnHolder {
  readonly clock: Clock;
  heldTurnEnded(held: HeldTurn, answer: Answer): void;
}

/** Runs a turn's handler: what it ended with, or the turn that goes on. */
export function runTurn<W extends Work>(
  holder: TurnHolder,
  turn: Turn,
  work: W,
  handle: (turn: Turn, work: W) => unknown,
): Answer | HeldTurn {
  let answer: Answer;
  try {
    const result = handle(turn, work);
    if (isThenable(result)) return new HeldTurn(holder, turn, work, result);
    answer = answerOf(result);
  } catch (error) {
    answer = { kind: "fault", error };
  }
  turn.end();
  return answer;
}

export class HeldTurn {
  readonly turn: Turn;
  readonly work: Work;
  readonly #holder: TurnHolder;
  readonly #sinceMs: number;
  #hasWarned = false;

  constructor(holder: TurnHolder, turn: Turn, work: Work, result: PromiseLike<unknown>) {
    this.turn = turn;
    this.work = work;
    this.#holder = holder;
    this.#sinceMs = holder.clock.monotonicMs();
    // Not its own `then`: that may throw, or settle twice.
    Promise.resolve(result).then(
      (value) => holder.heldTurnEnded(this, answerOf(value)),
      (error: unknown) => holder.heldTurnEnded(this, { kind: "fault", error }),
    );
  }

  /** Says so, once, when the handler has held the entity for longer than `warnMs`. */
  watch(subject: TurnSubject, warnMs: number): void {
    if (this.#hasWarned) return;
    const heldMs = Math.round(this.#holder.clock.monotonicMs() - this.#sinceMs);
    if (heldMs < warnMs) return;
    this.#hasWarned = true;
    const what = this.work instanceof Call ? `command "${this.work.command}"` : "a turn of its own";
    subject.stuck(heldMs);
    subject.log.warn(`${what} has held the entity for ${heldMs} ms`, { heldMs });
  }
}
