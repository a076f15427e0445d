import {
  type ErrorCode,
  type ErrorDetails,
  type ErrorEntry,
  errorTable,
  type Outcome,
} from "./errors.ts";

/** Every error that the framework throws or answers with. `code` is stable; texts may change. */
export class TroupeError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly details: ErrorDetails[C];
  /** Whether the same call may succeed when it is repeated as it is. */
  readonly retryable: boolean;
  /** Whether the work certainly did not happen, or may have. */
  readonly outcome: Outcome;

  constructor(code: C, details: ErrorDetails[C], options?: ErrorOptions) {
    // The table pairs each code with its details; a union key cannot express that pairing.
    const of = errorTable[code] as unknown as ErrorEntry<ErrorDetails[C]>;
    super(of.message(details), options);
    this.name = "TroupeError";
    this.code = code;
    this.details = details;
    this.retryable = of.retryable;
    this.outcome = typeof of.outcome === "function" ? of.outcome(details) : of.outcome;
  }
}

/** The union of all errors, so that testing `code` narrows `details`. */
export type AnyTroupeError = { [C in ErrorCode]: TroupeError<C> }[ErrorCode];

/** True for an error of the framework; with `code`, only for that one. */
export function isTroupeError(error: unknown): error is AnyTroupeError;
export function isTroupeError<C extends ErrorCode>(
  error: unknown,
  code: C,
): error is TroupeError<C>;
export function isTroupeError(error: unknown, code?: ErrorCode): boolean {
  return error instanceof TroupeError && (code === undefined || error.code === code);
}

/** The message of whatever was thrown. Never throws itself. */
export function reasonOf(thrown: unknown): string {
  try {
    return thrown instanceof Error ? thrown.message : String(thrown);
  } catch {
    return "something that has no text";
  }
}
