/** What the YAML parser says, in words that tell what to do. */
import type { ErrorCode, YAMLError } from "yaml";
import { type PipelineProblem, quoted } from "../problem.ts";
import type { SourceText } from "./source-map.ts";

interface Explanation {
  readonly message: string;
  readonly expected: string;
  readonly advice: string;
}

type Explain = (error: YAMLError, piece: string) => Explanation;

const unquotedHole: Explanation = {
  message: "within brackets, a ${{ … }} looks like further brackets",
  expected: "a ${{ … }} in quotes",
  advice: 'put it in quotes: "${{ … }}"',
};

const explanations: Partial<Record<ErrorCode, Explain>> = {
  TAB_AS_INDENT: () => ({
    message: "a tab indents this line",
    expected: "spaces",
    advice: "replace the tab by two spaces",
  }),
  BAD_INDENT: ({ message }) =>
    message.startsWith("Flow")
      ? {
          message: "a bracket that was opened above is not closed",
          expected: message.includes("map") ? "a }" : "a ]",
          advice: "close it before this line",
        }
      : {
          message: "this line is indented differently from the ones it belongs to",
          expected: "the same number of spaces before every key of one block",
          advice: "align it with the other keys",
        },
  MISSING_CHAR: ({ message }) => {
    if (message.includes("quote")) {
      return {
        message: "a quote that was opened is never closed",
        expected: message.includes('"') ? 'a "' : "a '",
        advice: "close the quote at the end of its text",
      };
    }
    if (message.includes("flow")) {
      return {
        message: "two values stand side by side within brackets",
        expected: "a comma between them",
        advice: "add the comma; put a ${{ … }} within brackets in quotes",
      };
    }
    if (message.startsWith("Flow")) {
      return {
        message: "a bracket that was opened is not closed",
        expected: message.includes("}") ? "a }" : "a ]",
        advice: "close it",
      };
    }
    return {
      message: 'this line has no ":" behind its key',
      expected: "key: value",
      advice:
        'write a ":" and a space behind the key, or indent the line if it belongs to the one above',
    };
  },
  MULTILINE_IMPLICIT_KEY: () => ({
    message: 'this line has no ":" behind its key',
    expected: "key: value",
    advice:
      'write a ":" and a space behind the key, or indent the line if it belongs to the one above',
  }),
  BLOCK_AS_IMPLICIT_KEY: () => ({
    message: 'this text has ": " or "- " in it, which YAML takes for structure',
    expected: "a text without them, or in quotes",
    advice: "put the text in quotes, or write it on the next lines below |",
  }),
  BAD_SCALAR_START: (_error, piece) => ({
    message: `a text cannot begin with ${quoted(piece.slice(0, 1))} without quotes`,
    expected: "a text in quotes",
    advice: "put the text in quotes",
  }),
  BAD_ALIAS: () => ({
    message: 'a "*" begins an alias, and this one has no name',
    expected: "*name of an anchor, or a text in quotes",
    advice: 'put the text in quotes if a plain "*" is meant',
  }),
  BAD_DQ_ESCAPE: (_error, piece) => ({
    message: `${quoted(piece.slice(0, 2))} means nothing within double quotes`,
    expected: "an escape that YAML knows, such as \\n or \\\\",
    advice: "double the backslash, or use single quotes, in which it is a plain character",
  }),
  MULTIPLE_DOCS: () => ({
    message: 'a "---" begins a second document',
    expected: "one pipeline in a file",
    advice: "move it into a file of its own",
  }),
  TAG_RESOLVE_FAILED: (_error, piece) => ({
    message: `the tag ${quoted(piece)} means nothing here`,
    expected: "values without tags",
    advice: 'remove it, or put the text in quotes if the "!" belongs to it',
  }),
  NON_STRING_KEY: () => ({
    message: "a key is a list or a map",
    expected: "a text as a key",
    advice: "put the key in quotes; a ${{ … }} at the beginning of a text needs quotes too",
  }),
};

export interface SyntaxContext {
  readonly source: SourceText;
  /** Where the last quote was opened: one that is never closed is the last. */
  readonly lastQuoteAt: number;
}

/** Problems of one line are shown once: the first is the cause, the others follow from it. */
export function syntaxProblems(
  errors: readonly YAMLError[],
  context: SyntaxContext,
): PipelineProblem[] {
  const lines = new Set<number>();
  const problems: PipelineProblem[] = [];
  for (const error of [...errors].sort((a, b) => a.pos[0] - b.pos[0])) {
    const problem = explain(error, context);
    const line = problem.position?.line ?? 0;
    if (lines.has(line)) continue;
    lines.add(line);
    problems.push(problem);
  }
  return problems;
}

function explain(error: YAMLError, { source, lastQuoteAt }: SyntaxContext): PipelineProblem {
  const { text } = source;
  const isOpenQuote = error.code === "MISSING_CHAR" && error.message.includes("quote");
  const start = isOpenQuote ? lastQuoteAt : skipSpaces(text, error.pos[0]);
  const piece = pieceAt(text, start, error.code === "BLOCK_AS_IMPLICIT_KEY");
  const isHole = text.startsWith("${{", start) || text.startsWith("${{", start - 1);
  const explanation = isHole
    ? unquotedHole
    : (explanations[error.code] ?? unexplained)(error, piece);
  return {
    code: "syntax",
    path: [],
    ...explanation,
    received: piece === "" ? "the end of the line" : quoted(piece),
    position: source.positionOf({ start, end: start + Math.max(piece.length, 1) }),
  };
}

function unexplained(error: YAMLError): Explanation {
  const said = (error.message.split(" at line ")[0] ?? "").replace(/\.$/, "");
  return {
    message: `this is not YAML: ${said}`,
    expected: "YAML",
    advice: "see what stands before the caret",
  };
}

function skipSpaces(text: string, start: number): number {
  let at = start;
  while (text[at] === " ") at++;
  return at;
}

/** What stands there: the word, or the rest of the line. */
function pieceAt(text: string, start: number, wholeLine: boolean): string {
  const near = text.slice(start, start + 200);
  const pattern = wholeLine ? /^[^\r\n]+/ : /^(\t+|[^\s:,[\]{}]+|\S)/;
  return pattern.exec(near)?.[0] ?? "";
}
