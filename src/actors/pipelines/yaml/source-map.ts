/** Where each part of a definition was written, so that a rule that knows no file can be shown in one. */
import type { LineCounter } from "yaml";
import type { PipelineProblem, ProblemPath, SourcePosition } from "../problem.ts";

/** Offsets into the text; `end` is exclusive. */
export interface SourceRange {
  readonly start: number;
  readonly end: number;
}

interface Origin {
  readonly range: SourceRange;
  /** The path in the file: `jobs.test.needs[0]`, where the definition has `jobs[1].needs[0]`. */
  readonly path: ProblemPath;
}

export class SourceMap {
  readonly #origins = new Map<string, Origin>();
  readonly #shared = new Map<string, ProblemPath>();

  note(definitionPath: ProblemPath, origin: Origin): void {
    this.#origins.set(keyOf(definitionPath), origin);
  }

  /** What stands at `definitionPath`, and below it, was written once for several places. */
  share(definitionPath: ProblemPath, writtenAs: ProblemPath): void {
    this.#shared.set(keyOf(definitionPath), writtenAs);
  }

  /** The most exact origin known: that of the path itself, or of what contains it. */
  find(definitionPath: ProblemPath): Origin | undefined {
    for (let length = definitionPath.length; length > 0; length--) {
      const key = keyOf(definitionPath.slice(0, length));
      const writtenAs = this.#shared.get(key);
      if (writtenAs !== undefined)
        return this.find([...writtenAs, ...definitionPath.slice(length)]);
      const origin = this.#origins.get(key);
      if (origin !== undefined) return origin;
    }
    return undefined;
  }

  /** The problem as it looks from the file. */
  place(problem: PipelineProblem, text: SourceText): PipelineProblem {
    const { range, path } = this.find(problem.path) ?? { range: { start: 0, end: 0 }, path: [] };
    return { ...problem, path, position: text.positionOf(range) };
  }
}

function keyOf(path: ProblemPath): string {
  return JSON.stringify(path);
}

/** The text of a file, with its lines. */
export class SourceText {
  readonly text: string;
  readonly #lines: LineCounter;

  constructor(text: string, lines: LineCounter) {
    this.text = text;
    this.#lines = lines;
  }

  /** Line and columns of a range, of which only the first line is meant. */
  positionOf({ start, end }: SourceRange): SourcePosition {
    const { line, col } = this.#lines.linePos(start);
    const newline = this.text.indexOf("\n", start);
    const lineEnd = newline === -1 ? this.text.length : newline;
    const stop = Math.max(start + 1, Math.min(end, lineEnd));
    return {
      line: Math.max(1, line),
      column: Math.max(1, col),
      endColumn: Math.max(1, col) + stop - start,
    };
  }

  /** Where the `ordinal`th `${{` of this range stands, up to its `}}`; the whole range if it is not found. */
  holeIn(range: SourceRange, ordinal: number): SourceRange {
    let start = range.start - 1;
    for (let count = 0; count <= ordinal; count++) {
      start = this.text.indexOf("${{", start + 1);
      if (start === -1 || start >= range.end) return range;
    }
    const close = this.text.indexOf("}}", start);
    return { start, end: close === -1 || close >= range.end ? range.end : close + 2 };
  }
}
