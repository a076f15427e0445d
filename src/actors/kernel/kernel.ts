import type { StopOptions } from "./actor-ref.ts";
import { type Blueprint, noOptions, type SpawnArgs, type Spawnable } from "./blueprint.ts";
import { Cell } from "./cell.ts";
import { checkLimits } from "./check-options.ts";
import { type Clock, systemClock } from "./clock.ts";
import type { DeadLetters } from "./dead-letters.ts";
import { Engine } from "./engine.ts";
import { type ActorSnapshot, snapshotsOf } from "./inspection.ts";
import { limits as defaultLimits, type Limits } from "./limits.ts";
import { type Logger, silentLogger } from "./logger.ts";
import { nactTurns, type TurnSource } from "./nact-turns.ts";
import { checkName } from "./names.ts";
import type { Observer } from "./observer.ts";
import { type StopSignal, stopOnSignals } from "./process-signals.ts";
import { type Random, systemRandom } from "./random.ts";
import { Shutdown, type ShutdownPhase } from "./shutdown.ts";
import { spawnUnder } from "./spawn.ts";
import type { SystemLimits } from "./system-limits.ts";
import { TroupeError } from "./troupe-error.ts";

export interface KernelOptions {
  readonly name: string;
  readonly clock?: Clock;
  readonly random?: Random;
  /** Default: silent. */
  readonly logger?: Logger;
  readonly observer?: Observer;
  readonly limits?: Partial<SystemLimits>;
  /** Signals of the process that stop the system. Default: none. */
  readonly stopOnSignals?: readonly StopSignal[];
  /** Where turns come from. Default: nact. Tests give a deterministic one. */
  readonly turns?: TurnSource;
}

/** An actor system in memory. */
export interface Kernel {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly limits: Limits;
  readonly deadLetters: DeadLetters;
  /** Starts a top-level actor. Throws TROUPE_NAME_TAKEN, TROUPE_NAME_INVALID, TROUPE_SYSTEM_STOPPED. */
  spawn<H, P>(definition: Spawnable<H, P>, name: string, ...options: SpawnArgs<P>): H;
  /** The top-level actor of that name, spawned when there is none. */
  actor<H>(definition: Spawnable<H, unknown>, name: string): H;
  /** All actors, parents before their children. */
  actors(): ActorSnapshot[];
  /** Does something around the end of the actors. Returns what takes it back. */
  onShutdown(phase: ShutdownPhase, name: string, run: () => unknown): () => void;
  /**
   * Stops the system: `drain` tasks, all actors bottom-up, `close` tasks. Each of the three has
   * `deadlineMs` (default `limits.stopDeadlineMs`). May be called again: the same end.
   */
  stop(options?: StopOptions): Promise<void>;
}

const guardian: Blueprint = {
  kind: "guardian",
  supervision: undefined,
  mailbox: undefined,
  repliesByReturn: true,
  start: () => ({ receive: () => undefined }),
  face: () => undefined,
};

class LocalKernel implements Kernel {
  readonly #engine: Engine;
  readonly #root: Cell;
  readonly #shutdown: Shutdown;
  readonly #releaseSignals: () => void;
  #stopping: Promise<void> | undefined;

  constructor(options: KernelOptions) {
    checkLimits(options.limits);
    this.#engine = new Engine({
      name: options.name,
      clock: options.clock ?? systemClock,
      random: options.random ?? systemRandom,
      logger: options.logger ?? silentLogger,
      observer: options.observer,
      limits: { ...defaultLimits, ...options.limits },
      turns: options.turns ?? nactTurns,
    });
    this.#root = new Cell(this.#engine, { parent: undefined, name: "" }, guardian, noOptions);
    this.#engine.dispatcher.add(this.#root);
    const { clock, logger } = this.#engine;
    this.#shutdown = new Shutdown(clock, logger);
    this.#releaseSignals = stopOnSignals(options.stopOnSignals ?? [], () => this.stop(), logger);
  }

  get name(): string {
    return this.#engine.name;
  }

  get clock(): Clock {
    return this.#engine.clock;
  }

  get random(): Random {
    return this.#engine.random;
  }

  get logger(): Logger {
    return this.#engine.logger;
  }

  get limits(): Limits {
    return this.#engine.limits;
  }

  get deadLetters(): DeadLetters {
    return this.#engine.deadLetters;
  }

  spawn<H, P>(definition: Spawnable<H, P>, name: string, ...options: SpawnArgs<P>): H {
    this.#check("spawn");
    return spawnUnder(this.#root, definition, name, options[0] ?? noOptions);
  }

  actor<H>(definition: Spawnable<H, unknown>, name: string): H {
    this.#check("actor");
    const living = this.#root.child(name);
    if (living === undefined) return spawnUnder(this.#root, definition, name, noOptions);
    if (living.blueprint !== definition["~blueprint"]) {
      throw new TroupeError("TROUPE_NAME_TAKEN", { parent: "/", name });
    }
    return living.blueprint.face(living) as H;
  }

  #check(use: string): void {
    if (this.#stopping === undefined) return;
    throw new TroupeError("TROUPE_SYSTEM_STOPPED", { system: this.name, use });
  }

  actors(): ActorSnapshot[] {
    return snapshotsOf(this.#root);
  }

  onShutdown(phase: ShutdownPhase, name: string, run: () => unknown): () => void {
    this.#check("onShutdown");
    return this.#shutdown.add(phase, name, run);
  }

  stop(options?: StopOptions): Promise<void> {
    const deadlineMs = options?.deadlineMs ?? this.limits.stopDeadlineMs;
    if (!(deadlineMs >= 0 && deadlineMs < Infinity)) return this.#root.stop({ deadlineMs });
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  async #stop(deadlineMs: number): Promise<void> {
    await this.#shutdown.run("drain", deadlineMs);
    await this.#root.stop({ deadlineMs });
    await this.#shutdown.run("close", deadlineMs);
    this.#engine.stop();
    this.#releaseSignals();
  }
}

/** Makes an actor system in memory, over nact. */
export function createKernel(options: KernelOptions): Kernel {
  checkName(options.name, defaultLimits.nameCharactersMax);
  return new LocalKernel(options);
}
