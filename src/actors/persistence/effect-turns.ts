/**
 * The turns in which an entity writes down what became of its reliable effects, and the starting of those that
 * are due. An effect leaves the state in a commit of its own, so it is tried until that commit is in the log.
 */
import { type Clock, isTroupeError, type Limits, reasonOf } from "../kernel/index.ts";
import type { CommitPipeline } from "./commit-pipeline.ts";
import { EffectOutcome, EffectRuns } from "./effect-runs.ts";
import { RetryEffects } from "./entity-work.ts";
import { afterFailure, type EffectChange } from "./pending-effects.ts";
import type { ParkedEffect } from "./reliable-effects.ts";
import { Turn } from "./turn.ts";

const handAgainMs = 1_000;
const reasonCharactersMax = 1_000;

export type EffectWork = EffectOutcome | RetryEffects;

export class EffectTurns {
  readonly #entity: CommitPipeline;
  readonly #clock: Clock;
  readonly #limits: Limits;
  readonly #offer: (work: EffectWork) => void;
  readonly #runs: EffectRuns;

  /** `offer` puts work into the entity's queue. */
  constructor(
    entity: CommitPipeline,
    { clock, limits }: { readonly clock: Clock; readonly limits: Limits },
    offer: (work: EffectWork) => void,
  ) {
    const { effects, effectOptions } = entity.subject.model;
    this.#entity = entity;
    this.#clock = clock;
    this.#limits = limits;
    this.#offer = offer;
    this.#runs = new EffectRuns({
      clock,
      atOnceMax: limits.effectsAtOnceMax,
      timeoutMs: effectOptions.timeoutMs ?? limits.effectTimeoutMs,
      handlerOf: (name) => effects.get(name),
      ended: (outcome) => this.#tell(outcome),
    });
  }

  get isBusy(): boolean {
    return this.#runs.size > 0;
  }

  /**
   * Starts what is confirmed and due, unless the entity is `leaving`. Returns when to look again; undefined =
   * when something has ended.
   */
  start(leaving: boolean): number | undefined {
    const { effects } = this.#entity.confirmed;
    if (effects.size === 0 && this.#runs.size === 0) return undefined;
    this.#runs.compare(effects);
    if (leaving) return undefined;
    this.#runs.start(effects, this.#entity.subject);
    const nowMs = this.#clock.nowMs();
    const atMs = effects.dueAtMs((id) => this.#runs.has(id));
    // What is due and was not started waits for the end of another.
    return atMs !== undefined && atMs > nowMs ? atMs : undefined;
  }

  /** Ends all attempts. Returns when the entity has to be awake again for the sake of its effects. */
  stop(): number | undefined {
    this.#runs.stop();
    return this.#entity.confirmed.effects.dueAtMs(() => false);
  }

  /** Once in the queue is enough. */
  #tell(outcome: EffectOutcome): void {
    if (outcome.isQueued) return;
    outcome.isQueued = true;
    this.#offer(outcome);
  }

  take(work: EffectWork): void {
    if (work instanceof EffectOutcome) work.isQueued = false;
    const turn = new Turn(this.#entity.subject, this.#entity.state, this.#clock.nowMs());
    if (work instanceof RetryEffects) this.#retryParked(turn);
    else this.#settle(turn, work);
    turn.end();
    if (turn.staged.length === 0) return;
    const error = this.#entity.write(turn, undefined, { kind: "reply", value: undefined });
    // A shard that is lost starts the entity over, and its state says what is still to be done.
    if (error === undefined || isTroupeError(error, "TROUPE_SHARD_NOT_SERVING")) return;
    this.#entity.subject.log.warn(`an effect's end is written later: ${reasonOf(error)}`);
    this.#clock.setTimer(handAgainMs, () => {
      if (work instanceof EffectOutcome) this.#tell(work);
      else this.#offer(work);
    });
  }

  #settle(turn: Turn, { effect: { id, attempts }, failure }: EffectOutcome): void {
    const effect = turn.state.effects.get(id);
    // Cancelled meanwhile, of a life of the entity that was deleted, or written down already.
    if (effect?.attempts !== attempts) return;
    if (failure === undefined) return turn.effectDone(id);
    const reason = reasonOf(failure.error).slice(0, reasonCharactersMax);
    const change = afterFailure(
      effect,
      { reason, nowMs: turn.nowMs },
      {
        attemptsMax:
          this.#entity.subject.model.effectOptions.attemptsMax ?? this.#limits.effectAttemptsMax,
        retryMaxMs: this.#limits.effectRetryMaxMs,
      },
    );
    turn.effectRescheduled(change);
    this.#report(effect.name, failure.error, { turn, change });
  }

  #report(
    name: string,
    error: unknown,
    { turn, change }: { readonly turn: Turn; readonly change: EffectChange },
  ): void {
    const { attempts, dueAtMs, id } = change;
    const idempotencyKey = `${this.#entity.subject.persistenceId}/${id}`;
    const next = dueAtMs === null ? { parked: true } : { nextAttemptInMs: dueAtMs - turn.nowMs };
    this.#entity.subject.failed(`effect "${name}"`, error, { attempts, idempotencyKey, ...next });
  }

  #retryParked(turn: Turn): void {
    for (const { id, dueAtMs, reason } of turn.state.effects) {
      if (dueAtMs !== null) continue;
      turn.effectRescheduled({ id, attempts: 0, dueAtMs: turn.nowMs, reason });
    }
  }

  parked(): ParkedEffect[] {
    const { persistenceId } = this.#entity.subject;
    const found: ParkedEffect[] = [];
    for (const { id, name: effect, attempts, reason, dueAtMs } of this.#entity.confirmed.effects) {
      if (dueAtMs !== null) continue;
      found.push({
        persistenceId,
        effect,
        idempotencyKey: `${persistenceId}/${id}`,
        attempts,
        reason,
      });
    }
    return found;
  }
}
