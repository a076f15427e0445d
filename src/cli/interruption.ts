/**
 * What ends a command early: a signal, or a reader that went away. The first Ctrl-C asks, the
 * second leaves; a closed terminal or pipe leaves at once. Handlers stay until `dispose`, so that
 * an impatient third Ctrl-C cannot keep a server from taking its agents with it.
 */
import type { CliContext } from "./cli-context.ts";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class Interruption {
  /** Fires when the command should leave at once. */
  readonly signal: AbortSignal;
  readonly #leaving = new AbortController();
  readonly #undo: (() => void)[] = [];
  #ask: (() => void) | undefined;
  #asked = false;

  constructor(context: CliContext) {
    this.signal = this.#leaving.signal;
    for (const name of SIGNALS) {
      const handler = (): void => this.#interrupt(name);
      process.on(name, handler);
      this.#undo.push(() => process.off(name, handler));
    }
    context.outputLoss.leaveBy((cause) => this.leave(cause));
  }

  /** What the first Ctrl-C does instead of leaving; undefined = it leaves. */
  askFirst(ask: (() => void) | undefined): void {
    this.#ask = ask;
  }

  leave(cause: unknown): void {
    this.#leaving.abort(cause);
  }

  /** Stops listening for signals. A reader that went away stays harmless to the end. */
  dispose(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #interrupt(name: (typeof SIGNALS)[number]): void {
    if (name === "SIGHUP" || this.#ask === undefined || this.#asked) {
      this.#leaving.abort();
      return;
    }
    this.#asked = true;
    this.#ask();
  }
}
