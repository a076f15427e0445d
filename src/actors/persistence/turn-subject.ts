import { type Logger, type Observer, type Random, reasonOf } from "../kernel/index.ts";
import type { PersistentActorModel } from "./define-persistent-actor.ts";

/** What turns need of the system that they run in. */
export interface TurnSurroundings {
  readonly logger: Logger;
  readonly random: Random;
  readonly observer: Observer | undefined;
}

/** Whose turn it is: an entity's names, and the place where its faults are reported. */
export class TurnSubject {
  readonly model: PersistentActorModel;
  readonly id: string;
  /** `<name of the definition>/<id>`: the entity's name in the journal. */
  readonly persistenceId: string;
  readonly #around: TurnSurroundings;
  #log: Logger | undefined;

  constructor(model: PersistentActorModel, id: string, around: TurnSurroundings) {
    this.model = model;
    this.id = id;
    this.persistenceId = `${model.name}/${id}`;
    this.#around = around;
  }

  get log(): Logger {
    this.#log ??= this.#around.logger.child({ actor: this.persistenceId });
    return this.#log;
  }

  get random(): Random {
    return this.#around.random;
  }

  /** `what` of the user's code threw. */
  failed(what: string, error: unknown, fields: object = {}): void {
    this.log.error(`${what} failed: ${reasonOf(error)}`, { ...fields, error });
    this.#around.observer?.actorFailed?.(this.#observed, error);
  }

  revokedUse(): void {
    this.#around.observer?.revokedUse?.(this.#observed);
  }

  stuck(heldMs: number): void {
    this.#around.observer?.handlerStuck?.(this.#observed, heldMs);
  }

  get #observed(): { kind: string; path: string } {
    return { kind: this.model.name, path: this.persistenceId };
  }
}
