import type { Ask } from "./ask.ts";
import { Asks } from "./asks.ts";
import { type CallOptions, timeoutOf } from "./call-options.ts";
import type { Cell } from "./cell.ts";
import type { Clock } from "./clock.ts";
import { type DeadLetterReason, DeadLetters } from "./dead-letters.ts";
import { Dispatcher } from "./dispatcher.ts";
import { guardedLogger, guardedObserver, PortGuard } from "./guarded-ports.ts";
import { Holds } from "./hold.ts";
import type { Limits } from "./limits.ts";
import type { Logger } from "./logger.ts";
import type { TurnSource } from "./nact-turns.ts";
import type { Observer } from "./observer.ts";
import type { Random } from "./random.ts";

export interface EngineParts {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Observer | undefined;
  readonly limits: Limits;
  readonly turns: TurnSource;
}

/** What all cells of a kernel share. */
export class Engine {
  readonly name: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly observer: Observer | undefined;
  readonly limits: Limits;
  readonly asks: Asks;
  readonly holds: Holds;
  readonly deadLetters: DeadLetters;
  readonly dispatcher: Dispatcher;
  /** Uses and results of lives that had ended. */
  revokedUses = 0;
  #uid = 0;

  constructor(parts: EngineParts) {
    const guard = new PortGuard();
    this.name = parts.name;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = guardedLogger(parts.logger, guard);
    this.observer = parts.observer && guardedObserver(parts.observer, guard);
    this.limits = parts.limits;
    this.deadLetters = new DeadLetters(parts.limits.deadLetterSamplesMax);
    this.dispatcher = new Dispatcher(this, parts.turns);
    const tidy = (): void => this.dispatcher.tidy();
    this.asks = new Asks(parts.clock, { none: tidy, unstamped: tidy });
    this.holds = new Holds(this);
  }

  /** All actors have ended. */
  stop(): void {
    this.asks.idle();
    this.holds.stop();
    this.dispatcher.stop();
  }

  /** Arms what ends the wait for a reply. False when it has ended already. */
  await(ask: Ask, options: CallOptions | undefined): boolean {
    if (options === undefined) {
      this.asks.add(ask, this.limits.askTimeoutMs);
      return true;
    }
    const timeoutMs = timeoutOf(options, this.limits.askTimeoutMs);
    if (options.signal !== undefined) ask.obey(options.signal);
    if (ask.settled) return false;
    this.asks.add(ask, timeoutMs);
    return true;
  }

  nextUid(): number {
    return ++this.#uid;
  }

  deadLetter(
    to: string,
    letter: {
      readonly command: string;
      readonly message: unknown;
      readonly reason: DeadLetterReason;
    },
  ): void {
    this.deadLetters.add({ to, ...letter, atMs: this.clock.nowMs() });
    this.observer?.deadLetter?.(to, letter.reason);
  }

  /** Code of a life of `cell` that had ended used its context, or returned a result. */
  revokedUse(cell: Cell): void {
    this.revokedUses++;
    this.observer?.revokedUse?.(cell.observed);
  }

  /** The event loop stood still while `messages` were handled, the last of them by `cell`. */
  blocked(cell: Cell, tookMs: number, messages: number): void {
    this.observer?.handlerBlocked?.(cell.observed, tookMs);
    this.logger.warn("handlers blocked the event loop", {
      actor: cell.path,
      tookMs: Math.round(tookMs),
      messages,
    });
  }

  /** A turn of `cell` threw where nothing should throw. */
  fault(cell: Cell, error: unknown): void {
    this.logger.error("an actor's turn could not be ended; the actor is stopped", {
      actor: cell.path,
      error,
    });
    cell.broken(error);
  }

  /** A handler of `cell` has not ended for `heldMs`. */
  stuck(cell: Cell, heldMs: number): void {
    const command = cell.current;
    this.observer?.handlerStuck?.(cell.observed, heldMs);
    this.logger.warn("a handler does not end; its actor handles nothing else meanwhile", {
      actor: cell.path,
      command,
      heldMs: Math.round(heldMs),
      waiting: cell.inbox.depth,
    });
  }
}
