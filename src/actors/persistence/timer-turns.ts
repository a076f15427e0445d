/**
 * The turns of an entity's durable timers. A timer leaves the state in the same commit as what its
 * handler persisted, so it fires once; when its handler throws it stays, and is tried again later.
 */
import type { Limits } from "../kernel/index.ts";
import type { CommitPipeline } from "./commit-pipeline.ts";
import type { EntityState } from "./entity-state.ts";
import type { Answer } from "./entity-work.ts";
import { Turn } from "./turn.ts";

const firstRetryMs = 1_000;

export interface TimerTurn {
  readonly turn: Turn;
  readonly handle: () => unknown;
}

export class TimerTurns {
  readonly #entity: CommitPipeline;
  readonly #limits: Limits;
  /** Timers whose handler threw. */
  readonly #faults = new Map<string, { readonly times: number; readonly notBeforeMs: number }>();
  #firing = "";

  constructor(entity: CommitPipeline, limits: Limits) {
    this.#entity = entity;
    this.#limits = limits;
  }

  /** The turn of the earliest timer that is due; undefined = none is. */
  begin(nowMs: number): TimerTurn | undefined {
    const { state } = this.#entity;
    const name = this.#next(state, nowMs);
    if (name === undefined) return undefined;
    const { model } = this.#entity.subject;
    const handler = model.timers.get(name);
    const data = state.timers.get(name)?.data;
    const turn = new Turn(this.#entity.subject, state, nowMs);
    turn.fireTimer(name);
    this.#firing = name;
    const handle = (): unknown => {
      if (handler !== undefined) return handler(turn.context as never, data as never);
      throw new Error(`"${model.name}" has no handler for its timer "${name}"`);
    };
    return { turn, handle };
  }

  /** False when the timer stays, to be tried again. */
  end(turn: Turn, answer: Answer): boolean {
    const name = this.#firing;
    const error = this.#commit(turn, answer);
    if (error === undefined) {
      this.#faults.delete(name);
      return true;
    }
    const times = (this.#faults.get(name)?.times ?? 0) + 1;
    const wantedMs = firstRetryMs * 2 ** Math.min(times - 1, 30);
    const nextAttemptInMs = Math.min(wantedMs, this.#limits.timerRetryMaxMs);
    this.#faults.set(name, { times, notBeforeMs: turn.nowMs + nextAttemptInMs });
    this.#entity.subject.failed(`timer "${name}"`, error, { nextAttemptInMs });
    return false;
  }

  #commit(turn: Turn, answer: Answer): unknown {
    if (answer.kind === "fault" || answer.kind === "refused") return answer.error;
    if (answer.kind === "reply") return this.#entity.write(turn, undefined, answer);
    // Nobody hears a timer's rejection; it drops what was staged, and the timer has fired all the same.
    const fired = new Turn(this.#entity.subject, this.#entity.state, turn.nowMs);
    fired.fireTimer(this.#firing);
    fired.end();
    return this.#entity.write(fired, undefined, answer);
  }

  /** When to look at `timers` again; undefined = there are none. */
  wakeAtMs(timers: EntityState["timers"]): number | undefined {
    const times = Array.from(timers, ([name, { atMs }]) => this.#dueAtMs(name, atMs));
    return times.length === 0 ? undefined : Math.min(...times);
  }

  #next(state: EntityState, nowMs: number): string | undefined {
    let found: { readonly name: string; readonly atMs: number } | undefined;
    for (const [name, { atMs }] of state.timers) {
      if (this.#dueAtMs(name, atMs) > nowMs) continue;
      if (found === undefined || atMs < found.atMs) found = { name, atMs };
    }
    return found?.name;
  }

  #dueAtMs(name: string, atMs: number): number {
    return Math.max(atMs, this.#faults.get(name)?.notBeforeMs ?? atMs);
  }
}
