/** Options as JavaScript may give them, against what the types ask for. Each complaint names the option. */
import type { MailboxOptions } from "./blueprint.ts";
import { isValidatedCommand } from "./command.ts";
import { type Limit, limitTable } from "./limits.ts";
import type { Supervision } from "./supervision.ts";
import { isSystemLimitName, systemLimitNames } from "./system-limits.ts";
import { TroupeError } from "./troupe-error.ts";

const actions = ["resume", "restart", "stop", "escalate"];
const overflows = ["reject", "drop-oldest", "backpressure"];

const shownCharactersMax = 80;

export function invalidOption(option: string, expected: string, got: unknown): TroupeError {
  return new TroupeError("TROUPE_OPTION_INVALID", { option, expected, got: textOf(got) });
}

/** A value as a message shows it: texts in quotes, so that "5" is not 5, and not much of what is long. */
function textOf(value: unknown): string {
  if (typeof value === "function") return "a function";
  try {
    const isObject = typeof value === "object" && value !== null;
    return shortText(isObject || typeof value === "string" ? JSON.stringify(value) : String(value));
  } catch {
    return typeof value;
  }
}

/** The beginning of a text, or of what a value is as a text. */
export function shortText(value: unknown): string {
  const text = typeof value === "string" ? value : textOf(value);
  return text.length > shownCharactersMax ? `${text.slice(0, shownCharactersMax)}…` : text;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function checkRecord(
  option: string,
  value: unknown,
  expected = "an object",
): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw invalidOption(option, expected, value);
}

export function checkFunction(option: string, value: unknown): void {
  if (typeof value !== "function") throw invalidOption(option, "a function", value);
}

/** A number from `min` on, where it is given at all. */
export function checkNumber(
  option: string,
  value: unknown,
  min: number,
  max = Number.POSITIVE_INFINITY,
): void {
  if (value === undefined) return;
  if (typeof value === "number" && value >= min && value <= max) return;
  const upTo = max === Number.POSITIVE_INFINITY ? " or more" : ` to ${max}`;
  throw invalidOption(option, `a number, ${min}${upTo}`, value);
}

/** What a definition, or a spawn, says of an actor's supervision and mailbox. */
export function checkActorOptions(options: {
  readonly supervision?: Supervision | undefined;
  readonly mailbox?: MailboxOptions | undefined;
}): void {
  const { supervision, mailbox } = checkRecord("options", options);
  if (supervision !== undefined) checkSupervision(checkRecord("supervision", supervision));
  if (mailbox !== undefined) checkMailbox(checkRecord("mailbox", mailbox));
}

function checkMailbox({ messagesMax, overflow }: Readonly<Record<string, unknown>>): void {
  checkNumber("mailbox.messagesMax", messagesMax, 1);
  if (overflow === undefined || overflows.includes(overflow as string)) return;
  throw invalidOption("mailbox.overflow", `one of ${overflows.join(", ")}`, overflow);
}

function checkSupervision({ rules = [], otherwise }: Readonly<Record<string, unknown>>): void {
  if (!Array.isArray(rules)) throw invalidOption("supervision.rules", "an array", rules);
  for (const [index, rule] of rules.entries()) {
    const option = `supervision.rules[${index}]`;
    const { on } = checkDirective(option, rule);
    if (typeof on !== "function" && typeof on !== "string") {
      throw invalidOption(`${option}.on`, "an error class or an error's code", on);
    }
  }
  if (otherwise !== undefined) checkDirective("supervision.otherwise", otherwise);
}

function checkDirective(option: string, value: unknown): Readonly<Record<string, unknown>> {
  const directive = checkRecord(option, value);
  const { action, restartsMax, withinMs, backoff } = directive;
  if (!actions.includes(action as string)) {
    throw invalidOption(`${option}.action`, `one of ${actions.join(", ")}`, action);
  }
  checkNumber(`${option}.restartsMax`, restartsMax, 0);
  checkNumber(`${option}.withinMs`, withinMs, 0);
  if (backoff !== undefined) checkBackoff(`${option}.backoff`, checkRecord(option, backoff));
  return directive;
}

function checkBackoff(option: string, backoff: Readonly<Record<string, unknown>>): void {
  const { minMs, maxMs, jitter, resetAfterMs } = backoff;
  checkNumber(`${option}.minMs`, minMs ?? Number.NaN, 0);
  checkNumber(`${option}.maxMs`, maxMs ?? Number.NaN, minMs as number);
  checkNumber(`${option}.jitter`, jitter, 0, 1);
  checkNumber(`${option}.resetAfterMs`, resetAfterMs, 0);
}

/** `of` ends the names of the options, where they do not say by themselves whose they are. */
export function checkCommands(commands: unknown, of = ""): void {
  for (const [name, command] of Object.entries(checkRecord(`commands${of}`, commands))) {
    if (typeof command === "function") continue;
    const option = `commands.${name}`;
    if (!isValidatedCommand(command)) {
      throw invalidOption(`${option}${of}`, "a function, or what command(…) returns", command);
    }
    checkFunction(`${option}.handler${of}`, command.handler);
    const schema: Partial<typeof command.schema> | null | undefined = command.schema;
    if (typeof schema?.["~standard"]?.validate === "function") continue;
    throw invalidOption(`${option}.schema${of}`, "a Standard Schema (zod, valibot …)", schema);
  }
}

/** Other values for the bounds of one system. */
export function checkLimits(given: Readonly<Record<string, unknown>> = {}): void {
  for (const [name, value] of Object.entries(checkRecord("limits", given))) {
    if (!isSystemLimitName(name)) {
      const expected = `names of bounds that a system may have otherwise (${systemLimitNames.join(", ")})`;
      throw invalidOption("limits", expected, name);
    }
    const { unit, least = 0 }: Limit = limitTable[name];
    if (value === undefined || (typeof value === "number" && value >= least)) continue;
    throw invalidOption(`limits.${name}`, `a number of ${unit}, ${least} or more`, value);
  }
}
