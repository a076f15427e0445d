import { type Logger, type Observer, reasonOf } from "../kernel/index.ts";
import type { PersistentActorModel } from "./define-persistent-actor.ts";

/** Where reports about entities go. */
export interface Reports {
  readonly logger: Logger;
  readonly observer: Observer | undefined;
}

/** Whose turn it is: an entity's names, and the place where its faults are reported. */
export class TurnSubject {
  readonly model: PersistentActorModel;
  readonly id: string;
  /** `<name of the definition>/<id>`: the entity's name in the journal. */
  readonly persistenceId: string;
  readonly #reports: Reports;
  #log: Logger | undefined;

  constructor(model: PersistentActorModel, id: string, reports: Reports) {
    this.model = model;
    this.id = id;
    this.persistenceId = `${model.name}/${id}`;
    this.#reports = reports;
  }

  get log(): Logger {
    this.#log ??= this.#reports.logger.child({ actor: this.persistenceId });
    return this.#log;
  }

  /** `what` of the user's code threw. */
  failed(what: string, error: unknown, fields: object = {}): void {
    this.log.error(`${what} failed: ${reasonOf(error)}`, { ...fields, error });
    this.#reports.observer?.actorFailed?.(this.#observed, error);
  }

  revokedUse(): void {
    this.#reports.observer?.revokedUse?.(this.#observed);
  }

  stuck(heldMs: number): void {
    this.#reports.observer?.handlerStuck?.(this.#observed, heldMs);
  }

  get #observed(): { kind: string; path: string } {
    return { kind: this.model.name, path: this.persistenceId };
  }
}
