import { TroupeError } from "./troupe-error.ts";

/**
 * Names that no command may have: they are members of a handle, or JavaScript calls them by
 * itself. The list is closed; a new name here would break users' commands.
 */
export const reservedNames = [
  "tell",
  "try",
  "with",
  "ref",
  "then",
  "catch",
  "finally",
  "constructor",
  "prototype",
  "__proto__",
  "toJSON",
  "toString",
  "valueOf",
] as const;

export type ReservedName = (typeof reservedNames)[number];

/**
 * Turns a reserved command name into a type error that reads as a sentence. The guard keeps
 * contextual typing whole while `C` is still its own bound.
 */
export type CheckCommands<C> = string extends keyof C
  ? unknown
  : {
      readonly [K in keyof C]: K extends ReservedName
        ? `'${K}' is a reserved name: rename this command`
        : unknown;
    };

const reserved: ReadonlySet<string> = new Set(reservedNames);

/** The same check at run time, for JavaScript and for names that are made of data. */
export function checkCommandNames(actor: string, names: readonly string[]): void {
  for (const name of names) {
    if (reserved.has(name) || name.startsWith("~") || name === "") {
      const problem = `it is reserved, so a command of "${actor}" cannot have it: rename this command`;
      throw new TroupeError("TROUPE_NAME_INVALID", { name, problem });
    }
  }
}
