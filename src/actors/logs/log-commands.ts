/**
 * What a job may say to those who read its log, in the words that GitHub Actions made common:
 * `::group::title` … `::endgroup::`, and `::error file=a.ts,line=3::text`, with `warning`, `notice`
 * and `debug` likewise. One line in, at most one command out; anything else is an ordinary line, and so is all between
 * `::stop-commands::token` and `::token::`, by which a job prints what is not its own.
 */

export type Severity = "error" | "warning" | "notice";

/** A remark of a job about its source. */
export interface Annotation {
  readonly severity: Severity;
  readonly message: string;
  readonly title?: string;
  readonly file?: string;
  readonly line?: number;
  readonly endLine?: number;
  readonly column?: number;
  readonly endColumn?: number;
}

export type LogCommand =
  | { readonly kind: "group"; readonly title: string }
  | { readonly kind: "endgroup" }
  | { readonly kind: "debug"; readonly message: string }
  | { readonly kind: "annotation"; readonly annotation: Annotation };

/** The commands of one log, line by line. */
export class LogCommands {
  /** What ends the present silence. */
  #token: string | undefined;

  /** undefined = an ordinary line. */
  read(line: string): LogCommand | undefined {
    if (this.#token !== undefined) {
      if (line.trim() === `::${this.#token}::`) this.#token = undefined;
      return undefined;
    }
    const [, token] = stopPattern.exec(line) ?? [];
    if (token === undefined) return logCommand(line);
    this.#token = token;
    return undefined;
  }
}

const stopPattern = /^\s*::stop-commands::(\S{1,1000})\s*$/;
const commandPattern = /^\s*::(group|endgroup|debug|error|warning|notice)(?: ([^:]*))?::(.*)$/;

/** undefined = an ordinary line. */
export function logCommand(line: string): LogCommand | undefined {
  // Nearly every line is ordinary, and this is asked of each.
  if (!line.includes("::")) return undefined;
  const [, name, properties = "", text = ""] = commandPattern.exec(line) ?? [];
  switch (name) {
    case "group":
      return { kind: "group", title: unescaped(text) };
    case "endgroup":
      return { kind: "endgroup" };
    case "debug":
      return { kind: "debug", message: unescaped(text) };
    case "error":
    case "warning":
    case "notice":
      return { kind: "annotation", annotation: annotationOf(name, properties, unescaped(text)) };
    default:
      return undefined;
  }
}

function annotationOf(severity: Severity, properties: string, message: string): Annotation {
  const values = new Map<string, string>();
  for (const property of properties.split(",")) {
    const equals = property.indexOf("=");
    if (equals > 0)
      values.set(property.slice(0, equals).trim(), unescaped(property.slice(equals + 1)));
  }
  const [title, file] = [values.get("title"), values.get("file")];
  const [line, endLine] = [numberOf(values.get("line")), numberOf(values.get("endLine"))];
  const [column, endColumn] = [numberOf(values.get("col")), numberOf(values.get("endColumn"))];
  return {
    severity,
    message,
    ...(title !== undefined && { title }),
    ...(file !== undefined && { file }),
    ...(line !== undefined && { line }),
    ...(endLine !== undefined && { endLine }),
    ...(column !== undefined && { column }),
    ...(endColumn !== undefined && { endColumn }),
  };
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

const escapes: Readonly<Record<string, string>> = {
  "%0D": "\r",
  "%0A": "\n",
  "%3A": ":",
  "%2C": ",",
  "%25": "%",
};

function unescaped(text: string): string {
  return text.replaceAll(/%(?:0D|0A|3A|2C|25)/gi, (code) => escapes[code.toUpperCase()] ?? code);
}
