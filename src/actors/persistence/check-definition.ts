/** A persistent actor's definition as JavaScript may give it. Each complaint names the option and the definition. Pure. */
import {
  checkFunction,
  checkNumber,
  checkRecord,
  invalidOption,
  shortText,
  TroupeError,
} from "../kernel/index.ts";

/** The end of an option's name: whose it is. */
export function ofDefinition(name: string): string {
  return ` of "${shortText(name)}"`;
}

/** @throws TROUPE_NAME_INVALID */
export function checkDefinitionName(name: unknown): asserts name is string {
  const isName =
    typeof name === "string" && name !== "" && !name.includes("/") && !name.startsWith("~");
  if (isName) return;
  const rule =
    "names of persistent actors are texts, not empty, contain no '/' and do not start with '~'";
  const problem = typeof name === "string" ? rule : `${rule}, and this is no text`;
  throw new TroupeError("TROUPE_NAME_INVALID", { name: shortText(name), problem });
}

/** @throws TROUPE_OPTION_INVALID. What `snapshot.upcast` has to hold is checked where it is put in order. */
export function checkDefinitionOptions(name: string, given: unknown): void {
  const of = ofDefinition(name);
  const options = checkRecord(`options${of}`, given);
  const { initialState, serial, passivateAfterMs, mailbox, snapshot } = options;
  checkFunction(`initialState${of}`, initialState);
  for (const hook of ["open", "recovered"]) {
    if (options[hook] !== undefined) checkFunction(`${hook}${of}`, options[hook]);
  }
  if (serial !== undefined && typeof serial !== "boolean") {
    throw invalidOption(`serial${of}`, "true or false", serial);
  }
  checkNumber(`passivateAfterMs${of}`, passivateAfterMs, 0);
  if (mailbox !== undefined) {
    const { messagesMax } = checkRecord(`mailbox${of}`, mailbox);
    checkNumber(`mailbox.messagesMax${of}`, messagesMax, 1);
  }
  if (snapshot === undefined) return;
  const { everyEvents, everyBytes, everyMs } = checkRecord(`snapshot${of}`, snapshot);
  checkNumber(`snapshot.everyEvents${of}`, everyEvents, 1);
  checkNumber(`snapshot.everyBytes${of}`, everyBytes, 1);
  checkNumber(`snapshot.everyMs${of}`, everyMs, 0);
}

/** The handlers of `.effects(…)` or `.timers(…)`. @throws TROUPE_OPTION_INVALID */
export function checkHandlers(name: string, what: "effects" | "timers", handlers: unknown): void {
  const of = ofDefinition(name);
  for (const [key, handler] of Object.entries(checkRecord(`${what}${of}`, handlers))) {
    checkFunction(`${what}.${key}${of}`, handler);
  }
}

/** @throws TROUPE_OPTION_INVALID */
export function checkEffectOptions(name: string, given: unknown): void {
  const of = ofDefinition(name);
  const { attemptsMax, timeoutMs } = checkRecord(`options of the effects${of}`, given);
  for (const [option, value] of Object.entries({ attemptsMax, timeoutMs })) {
    if (value === undefined || (Number.isInteger(value) && (value as number) > 0)) continue;
    throw invalidOption(`effects.${option}${of}`, "a whole number, 1 or more", value);
  }
}
