/**
 * Runs one turn at a time. A synchronous handler ends at once; an asynchronous one holds the entity
 * until its promise settles, or until it is revoked: then what it still does and returns is void.
 */
import { type Clock, isThenable } from "../kernel/index.ts";
import { type Answer, answerOf, Call, type Work } from "./entity-work.ts";
import type { Turn } from "./turn.ts";
import type { TurnSubject } from "./turn-subject.ts";

interface Held {
  readonly turn: Turn;
  readonly work: Work;
  readonly sinceMs: number;
  warned: boolean;
}

export class TurnRunner {
  readonly #clock: Clock;
  /** Called at the end of each turn that was not revoked. */
  readonly #ended: (turn: Turn, work: Work, answer: Answer) => void;
  #held: Held | undefined;

  constructor(clock: Clock, ended: (turn: Turn, work: Work, answer: Answer) => void) {
    this.#clock = clock;
    this.#ended = ended;
  }

  get isBusy(): boolean {
    return this.#held !== undefined;
  }

  run(turn: Turn, work: Work, handle: () => unknown): void {
    let answer: Answer;
    try {
      const result = handle();
      if (isThenable(result)) return this.#hold(turn, work, result);
      answer = answerOf(result);
    } catch (error) {
      answer = { kind: "fault", error };
    }
    return this.#end(turn, work, answer);
  }

  #end(turn: Turn, work: Work, answer: Answer): void {
    turn.end();
    this.#ended(turn, work, answer);
  }

  #hold(turn: Turn, work: Work, result: PromiseLike<unknown>): void {
    const held: Held = { turn, work, sinceMs: this.#clock.monotonicMs(), warned: false };
    this.#held = held;
    const end = (answer: Answer): void => {
      // Revoked meanwhile: the entity has gone on without it.
      if (this.#held !== held) return;
      this.#held = undefined;
      this.#end(turn, work, answer);
    };
    // Not its own `then`: that may throw, or settle twice.
    Promise.resolve(result).then(
      (value) => end(answerOf(value)),
      (error: unknown) => end({ kind: "fault", error }),
    );
  }

  /** Ends the hold of a running handler. Returns what it was working on. */
  revoke(): Work | undefined {
    const held = this.#held;
    this.#held = undefined;
    held?.turn.revoke();
    return held?.work;
  }

  /** Says so, once, when a handler has held the entity for longer than `warnMs`. */
  watch(subject: TurnSubject, warnMs: number): void {
    const held = this.#held;
    if (held === undefined || held.warned) return;
    const heldMs = Math.round(this.#clock.monotonicMs() - held.sinceMs);
    if (heldMs < warnMs) return;
    held.warned = true;
    const what = held.work instanceof Call ? `command "${held.work.command}"` : "a turn of its own";
    subject.stuck(heldMs);
    subject.log.warn(`${what} has held the entity for ${heldMs} ms`, { heldMs });
  }
}
