/**
 * The reliable effects of one entity that have not succeeded yet: part of its state, folded from its events. Pure.
 *
 *  F1. An effect is here from the commit that asks for it until the commit that says it succeeded or was cancelled.
 *  F2. An id is given once: it has the entity's own count, and a random part, because a deleted entity counts anew.
 */
import type { Random } from "../kernel/index.ts";

export interface PendingEffect {
  readonly id: string;
  readonly name: string;
  readonly data: unknown;
  /** Attempts that failed. */
  readonly attempts: number;
  /** Wall clock; null = parked. */
  readonly dueAtMs: number | null;
  /** Why the last attempt failed. */
  readonly reason: string;
}

export type EffectRow = readonly [
  id: string,
  name: string,
  data: unknown,
  attempts: number,
  dueAtMs: number | null,
  reason: string,
];

export class PendingEffects {
  static readonly none = new PendingEffects(new Map(), 0);
  /** How many were ever asked for in this life of the entity. */
  readonly count: number;
  readonly #byId: ReadonlyMap<string, PendingEffect>;

  private constructor(byId: ReadonlyMap<string, PendingEffect>, count: number) {
    this.#byId = byId;
    this.count = count;
  }

  static fromRows(rows: readonly EffectRow[], count: number): PendingEffects {
    return new PendingEffects(new Map(rows.map((row) => [row[0], effectOf(row)])), count);
  }

  get size(): number {
    return this.#byId.size;
  }

  get(id: string): PendingEffect | undefined {
    return this.#byId.get(id);
  }

  [Symbol.iterator](): IterableIterator<PendingEffect> {
    return this.#byId.values();
  }

  rows(): readonly EffectRow[] {
    return Array.from(this.#byId.values(), rowOf);
  }

  nextId(name: string, random: Random): string {
    return `${name}-${this.count + 1}-${Buffer.from(random.bytes(6)).toString("hex")}`;
  }

  staged(row: EffectRow): PendingEffects {
    return new PendingEffects(new Map(this.#byId).set(row[0], effectOf(row)), this.count + 1);
  }

  /** As after a failed attempt, or a person's wish to try again. */
  rescheduled({ id, ...change }: EffectChange): PendingEffects {
    const effect = this.#byId.get(id);
    if (effect === undefined) return this;
    const changed = Object.freeze({ ...effect, ...change });
    return new PendingEffects(new Map(this.#byId).set(id, changed), this.count);
  }

  without(id: string): PendingEffects {
    const byId = new Map(this.#byId);
    byId.delete(id);
    return new PendingEffects(byId, this.count);
  }

  /** When the first of them is due, those left aside that `isBusy` says yes to. */
  dueAtMs(isBusy: (id: string) => boolean): number | undefined {
    let earliest: number | undefined;
    for (const { id, dueAtMs } of this.#byId.values()) {
      if (dueAtMs === null || isBusy(id)) continue;
      if (earliest === undefined || dueAtMs < earliest) earliest = dueAtMs;
    }
    return earliest;
  }
}

export type EffectChange = Pick<PendingEffect, "id" | "attempts" | "dueAtMs" | "reason">;

function effectOf([id, name, data, attempts, dueAtMs, reason]: EffectRow): PendingEffect {
  return Object.freeze({ id, name, data, attempts, dueAtMs, reason });
}

function rowOf({ id, name, data, attempts, dueAtMs, reason }: PendingEffect): EffectRow {
  return [id, name, data, attempts, dueAtMs, reason];
}

const firstRetryMs = 1_000;

/** What becomes of an effect whose attempt has failed: tried again after a pause, or parked. */
export function afterFailure(
  { id, attempts }: PendingEffect,
  failure: { readonly reason: string; readonly nowMs: number },
  bounds: { readonly attemptsMax: number; readonly retryMaxMs: number },
): EffectChange {
  const failed = attempts + 1;
  const pauseMs = Math.min(firstRetryMs * 2 ** Math.min(attempts, 30), bounds.retryMaxMs);
  const dueAtMs = failed >= bounds.attemptsMax ? null : failure.nowMs + pauseMs;
  return { id, attempts: failed, dueAtMs, reason: failure.reason };
}
