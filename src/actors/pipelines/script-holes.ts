/**
 * Holes of a shell script become references to environment variables: the script's text is fixed,
 * values travel beside it, and a value with quotes, spaces or `$(…)` in it stays one plain value.
 */
import { type ShellContext, ShellScanner } from "./shell-scanner.ts";

export interface ScriptHole {
  /** Two holes with the same key share a variable. */
  readonly key: string;
  /** The wished-for variable; gets a number behind it if it is taken. */
  readonly variable: string;
}

export interface BoundScript<H extends ScriptHole> {
  readonly script: string;
  readonly variables: ReadonlyMap<string, H>;
  /** Holes where the shell would not expand a variable. */
  readonly misplaced: readonly { readonly hole: H; readonly why: MisplacedHole }[];
}

export type MisplacedHole = "escaped" | "literal-here-document";

export const misplacedHoleText: Readonly<
  Record<MisplacedHole, { readonly message: string; readonly advice: string }>
> = {
  escaped: {
    message: "a hole stands right behind a backslash, which would quote its first character",
    advice: "remove the backslash",
  },
  "literal-here-document": {
    message:
      "a hole stands in a here-document whose delimiter is quoted, where the shell expands nothing",
    advice: "remove the quotes around the delimiter, or print the text with echo",
  },
};

export function bindHoles<H extends ScriptHole>(
  parts: readonly (string | H)[],
  options: {
    readonly shell: "sh" | "bash";
    /** Variables that the job has already. */
    readonly taken: ReadonlySet<string>;
  },
): BoundScript<H> {
  const scanner = new ShellScanner(options.shell);
  const variables = new Map<string, H>();
  const variableOf = new Map<string, string>();
  const misplaced: { hole: H; why: MisplacedHole }[] = [];
  let script = "";
  for (const part of parts) {
    if (typeof part === "string") {
      scanner.feed(part);
      script += part;
      continue;
    }
    let variable = variableOf.get(part.key);
    if (variable === undefined) {
      variable = freeName(part.variable, (name) => options.taken.has(name) || variables.has(name));
      variableOf.set(part.key, variable);
      variables.set(variable, part);
    }
    const { context } = scanner;
    if (context === "escaped" || context === "literal-here-document") {
      misplaced.push({ hole: part, why: context });
    } else script += reference(variable, context);
    scanner.skipHole();
  }
  return { script, variables, misplaced };
}

/** Such that the shell reads the value as one word, or as part of the quotes that it stands in. */
function reference(variable: string, context: Exclude<ShellContext, MisplacedHole>): string {
  switch (context) {
    case "word":
      return `"\${${variable}}"`;
    case "single-quotes":
      return `'"\${${variable}}"'`;
    case "ansi-quotes":
      return `'"\${${variable}}"$'`;
    case "double-quotes":
    case "here-document":
    case "comment":
      return `\${${variable}}`;
  }
}

/** `needs.build.outputs.sha` → `TROUPE_IN_NEEDS_BUILD_OUTPUTS_SHA`. */
export function holeVariable(name: string): string {
  return `TROUPE_IN_${name.toUpperCase().replace(/[^A-Z0-9]+/g, "_")}`;
}

function freeName(wished: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(wished)) return wished;
  for (let number = 2; ; number++) {
    const name = `${wished}_${number}`;
    if (!isTaken(name)) return name;
  }
}
