/** Problems for a person: where, what, the lines around it with a caret, and what to do. */
import { TroupeError } from "../kernel/index.ts";
import { pathText } from "./json-shape.ts";
import { type PipelineProblem, printable, type SourcePosition } from "./problem.ts";

export interface ReportOptions {
  /** Shown before line and column. */
  readonly file?: string;
  /** The text that the positions are in; without it there is no code frame. */
  readonly source?: string;
}

export function problemReport(
  problems: readonly PipelineProblem[],
  options: ReportOptions = {},
): string {
  const lines = options.source?.split(/\r\n|\n|\r/);
  return problems.map((problem) => describe(problem, options.file, lines)).join("\n\n");
}

/** What the readers and the builder throw. */
export function invalidPipeline(
  pipeline: string,
  problems: readonly PipelineProblem[],
  options: ReportOptions = {},
): TroupeError<"TROUPE_PIPELINE_INVALID"> {
  const report = problemReport(problems, options);
  return new TroupeError("TROUPE_PIPELINE_INVALID", { pipeline, problems, report });
}

/** What a submit throws for parameters that do not fit. */
export function invalidRun(
  pipeline: string,
  problems: readonly PipelineProblem[],
): TroupeError<"TROUPE_RUN_INVALID"> {
  const report = problemReport(problems);
  return new TroupeError("TROUPE_RUN_INVALID", { pipeline, problems, report });
}

function describe(
  problem: PipelineProblem,
  file: string | undefined,
  lines: readonly string[] | undefined,
): string {
  const { position, message, expected, received, advice } = problem;
  const frame = position === undefined || lines === undefined ? [] : codeFrame(position, lines);
  return [
    `${placeOf(problem, file)}: ${message}`,
    ...frame,
    `  expected: ${expected}`,
    `  got:      ${received}`,
    `  to do:    ${advice}`,
  ].join("\n");
}

function placeOf({ position, path }: PipelineProblem, file: string | undefined): string {
  if (position === undefined)
    return file === undefined ? pathText(path) : `${file}: ${pathText(path)}`;
  return `${file ?? "line"}:${position.line}:${position.column}`;
}

/** The widest piece of a line that is shown. */
const frameColumns = 100;

/** The line, the one before and the one after, with a caret under what is meant. */
function codeFrame(position: SourcePosition, lines: readonly string[]): string[] {
  const { line, column } = position;
  const width = String(line + 1).length;
  const from = Math.max(0, column - 1 - Math.floor((frameColumns * 3) / 4));
  const frame: string[] = [];
  for (let shown = Math.max(1, line - 1); shown <= Math.min(lines.length, line + 1); shown++) {
    const marker = shown === line ? ">" : " ";
    const text = printable((lines[shown - 1] ?? "").slice(from, from + frameColumns));
    frame.push(`  ${marker} ${String(shown).padStart(width)} | ${text}`.trimEnd());
    if (shown === line) frame.push(`    ${" ".repeat(width)} | ${caret(position, from)}`);
  }
  return frame;
}

function caret({ column, endColumn }: SourcePosition, from: number): string {
  const length = Math.min(Math.max(1, endColumn - column), frameColumns - (column - 1 - from));
  return " ".repeat(column - 1 - from) + "^".repeat(Math.max(1, length));
}
