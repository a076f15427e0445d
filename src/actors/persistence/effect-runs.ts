/**
 * The attempts of reliable effects that run in this process, for one entity.
 *
 *  G1. Of one effect at most one attempt runs here at a time, also over a recovery of the entity.
 *  G2. Every attempt is told of once: its handler has succeeded, thrown, or taken too long. Nothing is told after `stop`.
 *  G3. An attempt that has ended keeps its place until the log has confirmed what became of it.
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
  readonly id: string;
  readonly failure: { readonly error: unknown } | undefined;
  /** Behind it in the entity's queue. */
  next: Work | undefined = undefined;

  constructor(id: string, failure: { readonly error: unknown } | undefined) {
    this.id = id;
    this.failure = failure;
  }
}

interface Attempt {
  /** As the log had it when the attempt was last looked at, or when it ended. */
  effect: PendingEffect;
  readonly controller: AbortController;
  hasEnded: boolean;
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
      } else if (!attempt.hasEnded) attempt.effect = effect;
      else if (attempt.effect !== effect) this.#attempts.delete(id);
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
      const attempt: Attempt = { effect, controller, hasEnded: false };
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
      if (attempt.hasEnded || this.#attempts.get(effect.id) !== attempt) return;
      attempt.hasEnded = true;
      timer.cancel();
      this.#options.ended(new EffectOutcome(effect.id, failure));
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
