/** From a command's name to what runs in its turn: unknown names and inputs that do not fit end there. */
import {
  issueLines,
  isThenable,
  isValidatedCommand,
  type StandardSchemaV1,
  TroupeError,
} from "../kernel/index.ts";
import { type Call, Refusal } from "./entity-work.ts";
import type { Turn } from "./turn.ts";
import type { TurnSubject } from "./turn-subject.ts";

/** Runs the command's handler; a `Refusal` in place of a reply when it must not run. */
export function handleCommand(turn: Turn, call: Call): unknown {
  const { subject } = turn;
  const handler = subject.model.commands.get(call.command);
  if (typeof handler === "function") {
    return handler(turn.context as never, ...(call.input as never[]));
  }
  if (!isValidatedCommand(handler)) return unknownCommand(subject, call);
  const proceed = (result: StandardSchemaV1.Result<unknown>): unknown =>
    result.issues === undefined
      ? handler.handler(turn.context as never, result.value as never)
      : invalid(subject, call, result.issues);
  const checked = handler.schema["~standard"].validate(call.input[0]);
  return isThenable(checked) ? checked.then(proceed) : proceed(checked);
}

function unknownCommand({ model, persistenceId }: TurnSubject, { command }: Call): Refusal {
  const known = [...model.commands.keys()];
  return new Refusal(
    new TroupeError("TROUPE_COMMAND_UNKNOWN", { actor: persistenceId, command, known }),
  );
}

function invalid(
  { persistenceId }: TurnSubject,
  { command }: Call,
  found: readonly StandardSchemaV1.Issue[],
): Refusal {
  const details = { actor: persistenceId, command, issues: issueLines(found) };
  return new Refusal(new TroupeError("TROUPE_COMMAND_INVALID", details));
}
