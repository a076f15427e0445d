/**
 * The attempts of reliable effects that run in this process, for one entity.
 *
 *  G1. Of one effect at most one attempt runs here at a time, also over a recovery of the entity.
 *  G2. Every attempt is told of: its handler has succeeded, thrown, or taken too long. Told again, and with the same
 *      outcome, only when its entity has recovered. Nothing is told after `stop`.
 *  G3. An attempt that has ended keeps its place until the log has confirmed what became of it. So what has succeeded
 *      is not run again because its entity recovers meanwhile.
 */
import type { Clock, Logger } from "../kernel/index.ts";
import type { Work } from "./entity-work.ts";
import type { PendingEffect, PendingEffects } from "./pending-effects.ts";
import type { EffectContext } from "./reliable-effects.ts";

export interface EffectRunsOptions {
  readonly clock: Clock;
  readonly atOnceMax: number;
  readonly timeoutMs: number;
  readonly handlerOf: (
    name: string,
  ) => ((effect: EffectContext, data: never) => unknown) | undefined;
  readonly ended: (outcome: EffectOutcome) => void;
}

/** How an attempt ended. */
export class EffectOutcome {
  /** As the log had it then. */
  readonly effect: PendingEffect;
  readonly failure: { readonly error: unknown } | undefined;
  /** It stands in the entity's queue. */
  isQueued = false;
  /** Behind it in the entity's queue. */
  next: Work | undefined = undefined;

  constructor(effect: PendingEffect, failure: { readonly error: unknown } | undefined) {
    this.effect = effect;
    this.failure = failure;
  }
}

interface Attempt {
  /** As the log had it when the attempt was last looked at, or when it ended. */
  effect: PendingEffect;
  readonly controller: AbortController;
  /** undefined = it runs. */
  outcome: EffectOutcome | undefined;
}

export class EffectRuns {
  readonly #options: EffectRunsOptions;
  readonly #attempts = new Map<string, Attempt>();

  constructor(options: EffectRunsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#attempts.size;
  }

  has(id: string): boolean {
    return this.#attempts.has(id);
  }

  /** Looks at what the log has, and lets go of attempts that are settled by it. */
  compare(confirmed: PendingEffects): void {
    for (const [id, attempt] of this.#attempts) {
      const effect = confirmed.get(id);
      if (effect === undefined) {
        // It has succeeded, was cancelled, or its entity was deleted.
        this.#attempts.delete(id);
        attempt.controller.abort();
      } else if (attempt.outcome === undefined) attempt.effect = effect;
      else if (!isSame(attempt.effect, effect)) this.#attempts.delete(id);
      else if (attempt.effect !== effect) {
        // Its entity was recovered: what was written of the end may be lost.
        attempt.effect = effect;
        this.#options.ended(attempt.outcome);
      }
    }
  }

  /** Starts what is due, as far as there is room. */
  start(
    confirmed: PendingEffects,
    entity: { readonly id: string; readonly persistenceId: string; readonly log: Logger },
  ): void {
    const nowMs = this.#options.clock.nowMs();
    for (const effect of confirmed) {
      if (this.#attempts.size >= this.#options.atOnceMax) return;
      const { id, dueAtMs } = effect;
      if (dueAtMs === null || dueAtMs > nowMs || this.#attempts.has(id)) continue;
      const controller = new AbortController();
      const attempt: Attempt = { effect, controller, outcome: undefined };
      this.#attempts.set(id, attempt);
      const { signal } = controller;
      const idempotencyKey = `${entity.persistenceId}/${id}`;
      const context = { id: entity.id, idempotencyKey, attempt: effect.attempts + 1, signal };
      this.#run(attempt, { ...context, log: entity.log });
    }
  }

  #run(attempt: Attempt, context: EffectContext): void {
    const { clock, timeoutMs, handlerOf } = this.#options;
    const { effect, controller } = attempt;
    const timer = clock.setTimer(timeoutMs, () => {
      const error = new Error(`it has not ended within ${timeoutMs} ms`);
      end({ error });
      controller.abort(error);
    });
    const end = (failure: { readonly error: unknown } | undefined): void => {
      const isOver = attempt.outcome !== undefined || this.#attempts.get(effect.id) !== attempt;
      if (isOver) return;
      attempt.outcome = new EffectOutcome(attempt.effect, failure);
      timer.cancel();
      this.#options.ended(attempt.outcome);
    };
    controller.signal.addEventListener("abort", () => timer.cancel(), { once: true });
    const handled = async (): Promise<void> => {
      const handler = handlerOf(effect.name);
      if (handler === undefined) throw new Error(`the definition has no effect "${effect.name}"`);
      await handler(context, effect.data as never);
    };
    handled().then(
      () => end(undefined),
      (error: unknown) => end({ error }),
    );
  }

  /** What runs is told to end, and no more is heard of it. */
  stop(): void {
    const attempts = [...this.#attempts.values()];
    this.#attempts.clear();
    for (const { controller } of attempts) controller.abort();
  }
}

/** Also when it was read from the log anew: what became of an attempt changes one of the two. */
function isSame(one: PendingEffect, other: PendingEffect): boolean {
  return one.attempts === other.attempts && one.dueAtMs === other.dueAtMs;
}
