/**
 * Text to YAML nodes with positions, within bounds: size, nesting of brackets, aliases. The library's
 * stages are driven by hand, because its own entry point would nest as deep as the text says.
 */
import {
  Composer,
  type Document,
  Lexer,
  LineCounter,
  type ParsedNode,
  Parser,
  visit,
  type YAMLError,
  YAMLParseError,
} from "yaml";
import { limits } from "../../kernel/index.ts";
import type { PipelineProblem } from "../problem.ts";
import { SourceText } from "./source-map.ts";
import { syntaxProblems } from "./syntax-problems.ts";

export interface ParsedSource {
  readonly source: SourceText;
  /** undefined = nothing that could be read further. */
  readonly root: ParsedNode | undefined;
  /** Aliases that name no anchor are not in it. */
  readonly anchors: ReadonlyMap<object, ParsedNode>;
  readonly problems: readonly PipelineProblem[];
}

export function parseSource(text: string): ParsedSource {
  const lines = new LineCounter();
  const source = new SourceText(text, lines);
  const nothing = { source, root: undefined, anchors: new Map<object, ParsedNode>() };
  const tooLarge = checkSize(text);
  if (tooLarge !== undefined) return { ...nothing, problems: [tooLarge] };
  const documents: Document.Parsed[] = [];
  // The library compares every key with every other one; the reader finds duplicates in linear time.
  const composer = new Composer({ stringKeys: true, uniqueKeys: false, lineCounter: lines });
  const { deepAt, lastQuoteAt } = compose(text, { composer, lines, documents });
  if (deepAt !== undefined) {
    return { ...nothing, problems: [nestedTooDeeply(deepAt, source)] };
  }
  const [document, second] = documents;
  if (document === undefined) return { ...nothing, problems: [] };
  const errors: YAMLError[] = [...document.errors, ...document.warnings];
  if (second !== undefined) {
    errors.push(
      new YAMLParseError(second.range.slice(0, 2) as [number, number], "MULTIPLE_DOCS", ""),
    );
  }
  const problems = syntaxProblems(errors, { source, lastQuoteAt });
  // After a syntax error one would only guess what was meant.
  const root = problems.length === 0 ? (document.contents ?? undefined) : undefined;
  return { source, root, anchors: resolveAliases(document), problems };
}

/** Fills `documents`; a bracket that is nested too deeply (at `deepAt`) ends it. */
function compose(
  text: string,
  into: {
    readonly composer: Composer;
    readonly lines: LineCounter;
    readonly documents: Document.Parsed[];
  },
): { readonly deepAt?: number; readonly lastQuoteAt: number } {
  into.lines.addNewLine(0);
  const parser = new Parser(into.lines.addNewLine);
  const take = (documents: Iterable<Document.Parsed>): void => {
    for (const document of documents) into.documents.push(document);
  };
  let offset = 0;
  let depth = 0;
  let lastQuoteAt = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (lexeme === "[" || lexeme === "{") depth++;
    else if (lexeme === "]" || lexeme === "}") depth--;
    else if (lexeme.startsWith('"') || lexeme.startsWith("'")) lastQuoteAt = offset;
    if (depth > limits.pipelineNestingMax) return { deepAt: offset, lastQuoteAt };
    offset += sourceLength(lexeme);
    for (const token of parser.next(lexeme)) take(into.composer.next(token));
  }
  for (const token of parser.end()) take(into.composer.next(token));
  take(into.composer.end(false, text.length));
  return { lastQuoteAt };
}

/** The lexer marks beginnings with control characters that stand for no text. */
function sourceLength(lexeme: string): number {
  return lexeme === "\u{FEFF}" || !/^[\x02\x18\x1f]$/.test(lexeme) ? lexeme.length : 0;
}

/** Each alias and the node it stands for: the last one with that anchor before it. */
function resolveAliases(document: Document.Parsed): ReadonlyMap<object, ParsedNode> {
  const byName = new Map<string, ParsedNode>();
  const resolved = new Map<object, ParsedNode>();
  visit(document, {
    Node: (_key, node) => {
      if (node.anchor !== undefined) byName.set(node.anchor, node as ParsedNode);
    },
    Alias: (_key, alias) => {
      const target = byName.get(alias.source);
      if (target !== undefined) resolved.set(alias, target);
    },
  });
  return resolved;
}

function checkSize(text: string): PipelineProblem | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes <= limits.pipelineFileBytesMax) return undefined;
  return {
    code: "too-large",
    path: [],
    message: "the file is too large",
    expected: `at most ${limits.pipelineFileBytesMax} bytes`,
    received: `${bytes} bytes`,
    advice: "move long scripts into files of their own, or build the pipeline with definePipeline",
    position: { line: 1, column: 1, endColumn: 2 },
  };
}

function nestedTooDeeply(offset: number, source: SourceText): PipelineProblem {
  return {
    code: "too-large",
    path: [],
    message: "brackets are nested too deeply",
    expected: `at most ${limits.pipelineNestingMax} brackets within each other`,
    received: `bracket ${limits.pipelineNestingMax + 1}`,
    advice: "a pipeline needs no more than three; close the brackets above",
    position: source.positionOf({ start: offset, end: offset + 1 }),
  };
}
