import { invalidOption } from "./check-options.ts";
import { limits } from "./limits.ts";
import { TroupeError } from "./troupe-error.ts";

/** How one call is made. */
export interface CallOptions {
  /** Milliseconds until an ask fails with TROUPE_ASK_TIMEOUT. More than 0; default `limits.askTimeoutMs`. */
  readonly timeoutMs?: number;
  /** The same key twice gives the first reply (persistent actors; bounded window). */
  readonly idempotencyKey?: string;
  /** What a command that persists nothing may see. Default `linearizable`; `local` answers at once, possibly stale. */
  readonly read?: "linearizable" | "local";
  /** Ends the caller's wait (TROUPE_CALL_ABORTED). The command itself may still run. */
  readonly signal?: AbortSignal;
}

/** The ask timeout that these options ask for. */
export function timeoutOf(
  options: CallOptions | undefined,
  fallbackMs = limits.askTimeoutMs,
): number {
  const timeoutMs = options?.timeoutMs;
  if (timeoutMs === undefined) return fallbackMs;
  if (typeof timeoutMs === "number" && timeoutMs > 0 && timeoutMs < Infinity) return timeoutMs;
  throw new TroupeError("TROUPE_OPTION_INVALID", {
    option: "timeoutMs",
    expected: "a finite number of milliseconds above 0",
    got: String(timeoutMs),
  });
}

/** The rest as JavaScript may give it. Costs two comparisons where neither is given. @throws TROUPE_OPTION_INVALID */
export function checkReadAndSignal({ read, signal }: CallOptions): void {
  if (read !== undefined && read !== "linearizable" && read !== "local") {
    throw invalidOption("read", '"linearizable" or "local"', read);
  }
  if (signal === undefined || isSignal(signal)) return;
  throw invalidOption("signal", "an AbortSignal", signal);
}

/** By what is asked of it: a signal may come from another realm. */
function isSignal(value: unknown): boolean {
  const { aborted, addEventListener } = (value ?? {}) as Partial<AbortSignal>;
  return typeof aborted === "boolean" && typeof addEventListener === "function";
}
