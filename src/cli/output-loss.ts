/**
 * Standard output that can be written no more. A reader that went away, such as `head`, has what it wanted: the
 * command leaves quietly. Anything else, such as a full disk, is a failure, whatever the command comes to.
 */
import { exitCodes } from "./exit-codes.ts";

export class OutputLoss {
  #cause: NodeJS.ErrnoException | undefined;
  #leave: ((cause: unknown) => void) | undefined;

  /** The first error of the stream; undefined = it can be written. */
  get cause(): NodeJS.ErrnoException | undefined {
    return this.#cause;
  }

  get isFailure(): boolean {
    return this.#cause !== undefined && this.#cause.code !== "EPIPE";
  }

  /** The command has something to bring to an end, and leaves by itself when the output is lost, also later on. */
  leaveBy(leave: (cause: unknown) => void): void {
    this.#leave = leave;
    if (this.#cause !== undefined) leave(this.#cause);
  }

  /** Says so; false = the command does not leave by itself. */
  take(error: NodeJS.ErrnoException): boolean {
    this.#cause ??= error;
    this.#leave?.(error);
    return this.#leave !== undefined;
  }

  /** What the process ends with when the command itself has come to `exitCode`. */
  exitCode(exitCode: number): number {
    return this.isFailure ? exitCodes.failed : exitCode;
  }
}
