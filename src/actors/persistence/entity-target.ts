import {
  type ActorRef,
  Ask,
  type CallOptions,
  type CommandTarget,
  checkReadAndSignal,
  escapeName,
  type StopOptions,
  TroupeError,
  timeoutOf,
} from "../kernel/index.ts";
import type { PersistentActorModel } from "./define-persistent-actor.ts";
import type { Entity } from "./entity.ts";
import type { EntityHost } from "./entity-host.ts";
import { Call } from "./entity-work.ts";
import { textProblem } from "./event-codec.ts";

/** The address of one entity: whoever has the id, wherever it lives, in memory or not. */
export class EntityTarget implements CommandTarget, ActorRef {
  readonly model: PersistentActorModel;
  readonly id: string;
  readonly persistenceId: string;
  /** In memory, where it is known; set by the entity, which is found by one address at a time. */
  entity: Entity | undefined = undefined;
  readonly #host: EntityHost;

  constructor(host: EntityHost, model: PersistentActorModel, id: string) {
    this.#host = host;
    this.model = model;
    this.id = id;
    this.persistenceId = `${model.name}/${id}`;
  }

  get ref(): ActorRef {
    return this;
  }

  get incarnation(): string {
    return "*";
  }

  get path(): string {
    return `/${escapeName(this.model.name)}/${escapeName(this.id)}`;
  }

  toString(): string {
    return `${this.path}#${this.incarnation}`;
  }

  /** Lets the entity leave memory. It is still there for the next command. */
  stop(options?: StopOptions): Promise<void> {
    return this.#host.passivate(this.persistenceId, options);
  }

  ask(command: string, input: readonly unknown[], options?: CallOptions): Promise<unknown> {
    const ask = new Ask(this.persistenceId, command);
    return this.#deliver(new Call(command, input, options, ask), ask);
  }

  call(
    definition: string,
    command: string,
    input: readonly unknown[],
    options?: CallOptions,
  ): Promise<unknown> {
    const ask = new Ask(this.persistenceId, command, definition);
    return this.#deliver(new Call(command, input, options, ask), ask);
  }

  #deliver(call: Call, ask: Ask): Promise<unknown> {
    const { options } = call;
    const host = this.#host;
    try {
      const timeoutMs = timeoutOf(options, host.limits.askTimeoutMs);
      if (options !== undefined) checkOptions(options, host);
      if (options?.signal !== undefined) ask.obey(options.signal);
      if (ask.settled) return ask.promise;
      host.asks.add(ask, timeoutMs);
      host.deliver(this, call);
    } catch (error) {
      ask.reject(error);
    }
    return ask.promise;
  }

  tell(command: string, input: readonly unknown[], options?: CallOptions): void {
    if (options !== undefined) checkOptions(options, this.#host);
    this.#host.deliver(this, new Call(command, input, options, undefined));
  }
}

function checkOptions(options: CallOptions, { limits }: EntityHost): void {
  const { idempotencyKey } = options;
  if (idempotencyKey !== undefined) checkKey(idempotencyKey, limits.idempotencyKeyCharactersMax);
  checkReadAndSignal(options);
}

function checkKey(key: string, charactersMax: number): void {
  const isSized = typeof key === "string" && key !== "" && key.length <= charactersMax;
  // It is stored as UTF-8, which has no form for every string of JavaScript.
  const problem = isSized ? textProblem(key) : undefined;
  if (isSized && problem === undefined) return;
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: "idempotencyKey",
    expected: `a text of 1 to ${charactersMax} characters`,
    got: problem ?? (typeof key === "string" ? `one of ${key.length} characters` : typeof key),
  });
}
