/**
 * Gives the entities of a host their turns: one actor of the kernel, each message a batch of them.
 *
 *  T1. Entities have their turns in the order in which they asked for them; one that asks meanwhile, after those.
 *  T2. A batch is bounded, so that other actors have their turns in between.
 *  T3. A fault of one must not end the turns of all: that entity leaves memory, and the log says what its state is.
 */
import {
  defineBehaviour,
  type Kernel,
  type MessageRef,
  reasonOf,
  TroupeError,
} from "../kernel/index.ts";
import type { Entity } from "./entity.ts";

/** Many enough for `#warm`; few enough that what it brought into the cache is still there. */
const batchEntitiesMax = 32;
/** A batch ends with the entity that reaches it: the kernel looks at the clock between messages only. */
const batchTurnsMax = 32;

export class EntityRunner {
  readonly #ref: MessageRef<EntityRunner>;
  /** Have asked for turns since the round began. */
  #ready: Entity[] = [];
  /** Have theirs in this round, from `#at` on. */
  #round: Entity[] = [];
  #at = 0;
  #isTold = false;
  /** Where what is read for no other reason goes, so that no compiler leaves the reading out. */
  warmed = 0;

  constructor(kernel: Kernel) {
    this.#ref = kernel.spawn(runner, "entities");
  }

  /** An entity asks for turns. It must not ask again before it had them. */
  add(entity: Entity): void {
    this.#ready.push(entity);
    if (!this.#isTold) this.#tell();
  }

  #tell(): void {
    this.#isTold = true;
    this.#ref.tell(this);
  }

  giveBatch(): void {
    this.#isTold = false;
    if (this.#round.length === 0) [this.#round, this.#ready] = [this.#ready, this.#round];
    const end = Math.min(this.#round.length, this.#at + batchEntitiesMax);
    this.#warm(end);
    for (let turns = 0; this.#at < end && turns < batchTurnsMax; ) {
      turns += give(this.#round[this.#at++] as Entity);
    }
    if (this.#at === this.#round.length) {
      // At once: who has left memory is not to be kept here until the next round.
      this.#round.length = 0;
      this.#at = 0;
    }
    const hasMore = this.#round.length > 0 || this.#ready.length > 0;
    if (hasMore && !this.#isTold) this.#tell();
  }

  /**
   * Reads what the turns of the batch will need. Here the processor waits for many entities' memory at once, in their
   * turns for one after the other: with a thousand in use that is most of what a turn costs.
   */
  #warm(end: number): void {
    let warmed = 0;
    for (let at = this.#at; at < end; at++) warmed += (this.#round[at] as Entity).warmTurn();
    this.warmed = warmed;
  }

  stop(): Promise<void> {
    return this.#ref.ref.stop();
  }
}

const runner = defineBehaviour<EntityRunner>("entities", () => (entities) => {
  entities.giveBatch();
});

/** Returns how many turns the entity had. */
function give(entity: Entity): number {
  try {
    return entity.drain();
  } catch (error) {
    const { subject } = entity;
    subject.failed("a turn of its own", error);
    const details = { actor: subject.persistenceId, reason: reasonOf(error) };
    entity.kill(new TroupeError("TROUPE_RECOVERY_FAILED", details, { cause: error }));
    return 1;
  }
}
