/**
 * The entities in memory, and which of them leave it: those unused for long, and the longest
 * unused ones when there are too many.
 *
 * Time is counted in sweeps, so that using an entity costs one assignment and not a look at the clock.
 *
 * Invariants:
 *  R1. Only an idle entity leaves, and one with half-done work stays.
 *  R2. Adding one more looks at a bounded number of others.
 */
import type { Entity } from "./entity.ts";

const evictionTriesMax = 64;

export class Residents {
  readonly #entities = new Map<string, Entity>();
  readonly #max: number;
  /** Counts sweeps. */
  sweeps = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#entities.size;
  }

  get(persistenceId: string): Entity | undefined {
    return this.#entities.get(persistenceId);
  }

  [Symbol.iterator](): Iterator<Entity> {
    return this.#entities.values();
  }

  add(entity: Entity): void {
    entity.usedAt = this.sweeps;
    this.#entities.set(entity.subject.persistenceId, entity);
    if (this.#entities.size > this.#max) this.#evict();
  }

  /** Forgets this very entity; another one of the same id stays. */
  remove(entity: Entity): void {
    const { persistenceId } = entity.subject;
    if (this.#entities.get(persistenceId) === entity) this.#entities.delete(persistenceId);
  }

  /** Lets those leave that were not used for `sweepsIdle(entity)` sweeps. */
  sweep(sweepsIdle: (entity: Entity) => number): void {
    this.sweeps++;
    for (const entity of [...this]) {
      const idle = this.sweeps - entity.usedAt > sweepsIdle(entity);
      if (idle && entity.isIdle && !entity.isOpen) entity.passivate();
    }
  }

  /** Goes round: who was used since the last sweep gets a second chance at the end of the line. */
  #evict(): void {
    let fallback: Entity | undefined;
    let tries = Math.min(evictionTriesMax, this.#entities.size - 1);
    for (const [persistenceId, entity] of this.#entities) {
      if (tries-- <= 0) break;
      if (entity.isIdle && !entity.isOpen) {
        if (entity.usedAt < this.sweeps) return entity.passivate();
        fallback ??= entity;
      }
      this.#entities.delete(persistenceId);
      this.#entities.set(persistenceId, entity);
    }
    fallback?.passivate();
  }
}
