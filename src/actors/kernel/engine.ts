import { Asks } from "./ask.ts";
import type { Clock } from "./clock.ts";
import { type DeadLetterReason, DeadLetters } from "./dead-letters.ts";
import { Dispatcher } from "./dispatcher.ts";
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
  readonly deadLetters: DeadLetters;
  readonly dispatcher: Dispatcher;
  /** How often user code used the context of a life that had ended. */
  revokedUses = 0;
  /** Results of handlers whose life had ended before them. */
  revokedResults = 0;
  #uid = 0;

  constructor(parts: EngineParts) {
    this.name = parts.name;
    this.clock = parts.clock;
    this.random = parts.random;
    this.logger = parts.logger;
    this.observer = parts.observer;
    this.limits = parts.limits;
    this.asks = new Asks(parts.clock);
    this.deadLetters = new DeadLetters(parts.limits.deadLetterSamplesMax);
    this.dispatcher = new Dispatcher(this, parts.turns);
  }

  /** All actors have ended. */
  stop(): void {
    this.asks.idle();
    this.dispatcher.stop();
  }

  nextUid(): number {
    return ++this.#uid;
  }

  deadLetter(
    to: string,
    letter: { command: string; message: unknown; reason: DeadLetterReason },
  ): void {
    this.deadLetters.add({ to, ...letter, atMs: this.clock.nowMs() });
    this.observer?.deadLetter?.(to, letter.reason);
  }
}
