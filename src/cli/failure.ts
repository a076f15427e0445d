/** Errors as a person should read them: what was expected, what came, what to do; the stack only on demand. */
import { isTroupeError } from "../actors/kernel/index.ts";
import type { CliContext } from "./cli-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { UsageError } from "./usage-error.ts";

const INVALID = new Set(["TROUPE_PIPELINE_INVALID", "TROUPE_RUN_INVALID", "TROUPE_OPTION_INVALID"]);

/** Prints the error; returns the exit code. `TROUPE_DEBUG=1` adds the stack and the causes. */
export function reportFailure(error: unknown, context: CliContext): number {
  const { err, stderr } = context;
  const label = err.paint("red", "error");
  if (error instanceof UsageError) {
    stderr.write(`${label}: ${error.message}\n`);
    return exitCodes.invalid;
  }
  if (isTroupeError(error)) {
    stderr.write(`${label}: ${error.message} ${err.paint("dim", `[${error.code}]`)}\n`);
    if (debugging(context)) stderr.write(`${stackOf(error)}\n`);
    return INVALID.has(error.code) ? exitCodes.invalid : exitCodes.failed;
  }
  const message = error instanceof Error ? error.message : String(error);
  stderr.write(`${label}: ${message}\n`);
  stderr.write(
    debugging(context)
      ? `${stackOf(error)}\n`
      : "This was not foreseen; TROUPE_DEBUG=1 shows where it comes from.\n",
  );
  return exitCodes.failed;
}

function debugging(context: CliContext): boolean {
  return (context.env["TROUPE_DEBUG"] ?? "") !== "";
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? error.message;
  return error.cause === undefined ? own : `${own}\ncaused by: ${stackOf(error.cause)}`;
}
