import { TroupeError } from "./troupe-error.ts";

const plain = /^[A-Za-z0-9_.~$-]+$/;

/** A name as it stands in a path: any string, escaped so that no two names look alike. */
export function escapeName(name: string): string {
  if (plain.test(name)) return name;
  return Array.from(name, (character) => {
    if (plain.test(character)) return character;
    const code = character.codePointAt(0) ?? 0;
    // Half of a surrogate pair has no UTF-8 form.
    if (code >= 0xd800 && code <= 0xdfff) return `%u${code.toString(16).toUpperCase()}`;
    return encodeURIComponent(character);
  }).join("");
}

export function checkName(name: unknown, charactersMax: number): void {
  const problem =
    typeof name !== "string"
      ? "a name must be a string"
      : name === ""
        ? "a name must not be empty"
        : name.length > charactersMax
          ? `a name has at most ${charactersMax} characters, this one has ${name.length}`
          : undefined;
  if (problem === undefined) return;
  throw new TroupeError("TROUPE_NAME_INVALID", { name: String(name).slice(0, 80), problem });
}
