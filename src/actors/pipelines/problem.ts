/** What is wrong with a definition, as data: a tool reads it, `problem-report.ts` shows it to a person. */
import { limits } from "../kernel/index.ts";

export type ProblemCode =
  /** Not YAML, or not JSON of the right shape. */
  | "syntax"
  | "wrong-type"
  | "unknown-key"
  | "missing-key"
  | "too-large"
  /** A name or a value that the rules forbid. */
  | "bad-name"
  | "bad-value"
  | "duplicate"
  /** The graph of jobs. */
  | "unknown-need"
  | "bad-need"
  | "cycle"
  /** What stands between `${{` and `}}`. */
  | "bad-expression"
  | "unknown-reference"
  | "out-of-reach";

/** Keys of maps and positions in lists, from the definition's root. */
export type ProblemPath = readonly (string | number)[];

export interface SourcePosition {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units, as editors count. */
  readonly column: number;
  /** Of the same line, exclusive. */
  readonly endColumn: number;
}

export interface PipelineProblem {
  readonly code: ProblemCode;
  readonly path: ProblemPath;
  /** One sentence without a full stop: what is wrong. */
  readonly message: string;
  readonly expected: string;
  readonly received: string;
  /** What to do. */
  readonly advice: string;
  /** Present when the definition was read from a file. */
  readonly position?: SourcePosition;
}

/** Collects problems up to a bound, so that a hopeless file gives a readable answer. */
export class ProblemList {
  readonly #problems: PipelineProblem[] = [];
  #hidden = 0;

  add(problem: PipelineProblem): void {
    if (this.isFull) this.count();
    else this.#problems.push(problem);
  }

  /** One more, not worth describing: ask `isFull` first where the description costs. */
  count(): void {
    this.#hidden++;
  }

  get isFull(): boolean {
    return this.#problems.length >= limits.pipelineProblemsMax;
  }

  get isEmpty(): boolean {
    return this.#problems.length === 0;
  }

  /** What was found, and at the bound one more that counts the rest. */
  get all(): readonly PipelineProblem[] {
    if (this.#hidden === 0) return this.#problems;
    const rest: PipelineProblem = {
      code: "too-large",
      path: [],
      message: `there are ${this.#hidden} further problems`,
      expected: `at most ${limits.pipelineProblemsMax} problems at once`,
      received: `${limits.pipelineProblemsMax + this.#hidden}`,
      advice: "solve these first, then check again",
    };
    return [...this.#problems, rest];
  }
}

/** Text from a definition, in quotes, short, and harmless on a terminal. */
export function quoted(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 57)}…` : text;
  return `"${printable(short)}"`;
}

/** Control characters could move the cursor or colour the terminal of whoever reads the report. */
export function printable(text: string): string {
  return text.replace(/\p{Cc}|\p{Cf}/gu, (character) =>
    character === "\n" ? "⏎" : character === "\t" ? " " : "\u{FFFD}",
  );
}

/** `"a", "b", "c" …`: enough names to recognise, never all of 10,000. */
export function someOf(names: Iterable<string>, most = 8): string {
  const shown: string[] = [];
  for (const name of names) {
    if (shown.length === most) return `${shown.join(", ")} …`;
    shown.push(quoted(name));
  }
  return shown.length === 0 ? "none" : shown.join(", ");
}
