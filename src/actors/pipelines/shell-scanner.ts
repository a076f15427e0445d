/**
 * Knows, at any point of an sh or bash script, how the shell would read what comes next: as code, in
 * quotes, in a here-document. A lexer, not a parser: enough to quote a variable correctly where a
 * hole of a script stands. If it should be wrong about an exotic construct, a value may be split
 * into words or taken literally; it never becomes code, because only a variable's name is inserted.
 */

export type ShellContext =
  | "word"
  | "double-quotes"
  | "single-quotes"
  /** bash's `$'…'`. */
  | "ansi-quotes"
  | "comment"
  | "here-document"
  /** A here-document with a quoted delimiter: the shell expands nothing in it. */
  | "literal-here-document"
  /** Right behind a backslash. */
  | "escaped";

type Frame =
  /** Commands: the script itself, `$(…)`, `` `…` ``. `closers` ends it once `depth` is 0. */
  | { readonly kind: "code"; readonly closer: ")" | "`" | ""; depth: number }
  | { readonly kind: "double-quotes" }
  | { readonly kind: "single-quotes" }
  | { readonly kind: "ansi-quotes" }
  | { readonly kind: "comment" }
  /** `${…}`. */
  | { readonly kind: "braces"; readonly quoted: boolean }
  /** `$((…))` and `((…))`. */
  | { readonly kind: "arithmetic"; depth: number }
  | (HereDocument & { readonly kind: "here-document"; line: string });

interface HereDocument {
  readonly delimiter: string;
  readonly literal: boolean;
  /** `<<-`: leading tabs do not count. */
  readonly stripTabs: boolean;
}

export class ShellScanner {
  readonly #bash: boolean;
  readonly #frames: Frame[] = [{ kind: "code", closer: "", depth: 0 }];
  /** Announced by `<<` in this line; their bodies begin with the next one. */
  #announced: HereDocument[] = [];
  #escaped = false;
  #atWordStart = true;

  constructor(shell: "sh" | "bash") {
    this.#bash = shell === "bash";
  }

  get context(): ShellContext {
    if (this.#escaped) return "escaped";
    const frame = this.#top;
    switch (frame.kind) {
      case "code":
        return "word";
      case "braces":
        return frame.quoted ? "double-quotes" : "word";
      case "arithmetic":
        return "double-quotes";
      case "here-document":
        return frame.literal ? "literal-here-document" : "here-document";
      default:
        return frame.kind;
    }
  }

  /** Reads on through `text`. */
  feed(text: string): void {
    for (let at = 0; at < text.length; ) at += this.#step(text, at);
  }

  /** A hole stands here: something that is not a blank, and not a delimiter. */
  skipHole(): void {
    this.#atWordStart = false;
    const frame = this.#top;
    if (frame.kind === "here-document") frame.line += "\0";
  }

  get #top(): Frame {
    return this.#frames.at(-1) ?? { kind: "code", closer: "", depth: 0 };
  }

  /** Consumes at least one character; returns how many. */
  #step(text: string, at: number): number {
    const frame = this.#top;
    const character = text[at] ?? "";
    if (frame.kind === "here-document") return this.#stepHereDocument(frame, character);
    if (frame.kind === "single-quotes") return this.#popAt(character, "'");
    if (frame.kind === "comment") {
      // The newline that ends a comment is the line's own: it is read once more, as code.
      if (character !== "\n") return 1;
      this.#frames.pop();
      return 0;
    }
    if (this.#escaped) {
      this.#escaped = false;
      this.#atWordStart = false;
      return 1;
    }
    if (character === "\\") {
      this.#escaped = true;
      return 1;
    }
    if (frame.kind === "ansi-quotes") return this.#popAt(character, "'");
    return this.#stepExpanding(frame, text, at);
  }

  /** Where `$` and backquotes mean something. */
  #stepExpanding(
    frame: Extract<Frame, { kind: "code" | "double-quotes" | "braces" | "arithmetic" }>,
    text: string,
    at: number,
  ): number {
    const character = text[at] ?? "";
    if (character === "$") {
      const opened = this.#openExpansion(frame, text, at);
      if (opened > 0) return opened;
    }
    if (character === "`") {
      const closes = frame.kind === "code" && frame.closer === "`";
      if (closes) this.#frames.pop();
      else this.#frames.push({ kind: "code", closer: "`", depth: 0 });
      this.#atWordStart = !closes;
      return 1;
    }
    if (frame.kind === "code") return this.#stepCode(frame, text, at);
    if (frame.kind === "arithmetic") return this.#stepArithmetic(frame, character);
    if (character === '"') {
      if (frame.kind === "double-quotes") this.#frames.pop();
      else this.#frames.push({ kind: "double-quotes" });
    } else if (frame.kind === "braces" && character === "}") this.#frames.pop();
    else if (frame.kind === "braces" && !frame.quoted && character === "'") {
      this.#frames.push({ kind: "single-quotes" });
    }
    return 1;
  }

  /** `$((`, `$(`, `${`, `$'`: the characters consumed, or 0 for a plain variable. */
  #openExpansion(frame: Frame, text: string, at: number): number {
    this.#atWordStart = false;
    if (text.startsWith("$((", at)) {
      this.#frames.push({ kind: "arithmetic", depth: 2 });
      return 3;
    }
    if (text.startsWith("$(", at)) {
      this.#frames.push({ kind: "code", closer: ")", depth: 0 });
      this.#atWordStart = true;
      return 2;
    }
    if (text.startsWith("${", at)) {
      const quoted = frame.kind === "double-quotes" || (frame.kind === "braces" && frame.quoted);
      this.#frames.push({ kind: "braces", quoted });
      return 2;
    }
    if (this.#bash && frame.kind === "code" && text.startsWith("$'", at)) {
      this.#frames.push({ kind: "ansi-quotes" });
      return 2;
    }
    return 0;
  }

  #stepCode(frame: Extract<Frame, { kind: "code" }>, text: string, at: number): number {
    const character = text[at] ?? "";
    const wordStart = this.#atWordStart;
    this.#atWordStart = " \t\n;&|()<>".includes(character);
    if (character === "'") this.#frames.push({ kind: "single-quotes" });
    else if (character === '"') this.#frames.push({ kind: "double-quotes" });
    else if (character === "#" && wordStart) this.#frames.push({ kind: "comment" });
    else if (character === "\n") this.#beginHereDocument();
    else if (text.startsWith("<<<", at)) return 3;
    else if (text.startsWith("<<", at)) return this.#announce(text, at);
    else if (text.startsWith("((", at) && wordStart) {
      this.#frames.push({ kind: "arithmetic", depth: 2 });
      return 2;
    } else if (character === "(") frame.depth++;
    else if (character === ")" && frame.depth > 0) frame.depth--;
    else if (character === ")" && frame.closer === ")") {
      this.#frames.pop();
      this.#atWordStart = false;
    }
    return 1;
  }

  #stepArithmetic(frame: Extract<Frame, { kind: "arithmetic" }>, character: string): number {
    if (character === "(") frame.depth++;
    if (character === ")") frame.depth--;
    if (frame.depth === 0) this.#frames.pop();
    return 1;
  }

  /** `<<WORD`, `<<-WORD`, `<<'WORD'`: quotes anywhere in the word make the document literal. */
  #announce(text: string, at: number): number {
    const [all, dash = "", word = ""] =
      /^<<(-?)[ \t]*((?:\\.|'[^']*'|"[^"]*"|[^\s;&|()<>'"\\])*)/.exec(text.slice(at)) ?? [];
    if (all === undefined || word === "") return 2;
    this.#announced.push({
      delimiter: word.replace(/\\(.)|['"]/g, "$1"),
      literal: /['"\\]/.test(word),
      stripTabs: dash === "-",
    });
    return all.length;
  }

  #beginHereDocument(): void {
    const next = this.#announced.shift();
    if (next !== undefined) this.#frames.push({ kind: "here-document", ...next, line: "" });
  }

  #stepHereDocument(frame: Extract<Frame, { kind: "here-document" }>, character: string): number {
    if (character !== "\n") {
      frame.line += character;
      return 1;
    }
    const line = frame.stripTabs ? frame.line.replace(/^\t+/, "") : frame.line;
    frame.line = "";
    if (line === frame.delimiter) {
      this.#frames.pop();
      this.#atWordStart = true;
      this.#beginHereDocument();
    }
    return 1;
  }

  #popAt(character: string, closer: string): number {
    if (character === closer) {
      this.#frames.pop();
      this.#atWordStart = false;
    }
    return 1;
  }
}
