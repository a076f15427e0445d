/**
 * A job's lines as a person reads them: groups become headings with their lines indented, annotations
 * are marked and kept for the summary, and no command is shown as it was written.
 */
import { type Annotation, LogCommands } from "../../actors/logs/index.ts";
import { timeText } from "./line-times.ts";
import { annotationText, oneLine } from "./outline-text.ts";
import type { Style } from "./style.ts";

/** A job that reports more has a reader who looks at its log. */
const ANNOTATIONS_MAX = 50;

interface JobAnnotation {
  readonly job: string;
  readonly annotation: Annotation;
}

export class JobOutput {
  readonly #style: Style;
  readonly #withTimes: boolean;
  readonly #onLine: (job: string, line: string) => void;
  readonly #commands = new Map<string, LogCommands>();
  readonly #inGroup = new Set<string>();
  readonly #annotations: JobAnnotation[] = [];
  #left = 0;

  /** `withTimes`: a line begins with when it came. */
  constructor(
    { style, withTimes }: { readonly style: Style; readonly withTimes: boolean },
    onLine: (job: string, line: string) => void,
  ) {
    this.#style = style;
    this.#withTimes = withTimes;
    this.#onLine = onLine;
  }

  line(job: string, text: string, atMs?: number): void {
    const command = this.#commandsOf(job).read(text);
    const time = this.#withTimes ? this.#style.paint("dim", timeText(atMs)) : "";
    const indent = time + (this.#inGroup.has(job) ? "  " : "");
    switch (command?.kind) {
      case "group": {
        this.#inGroup.add(job);
        const mark = this.#style.unicode ? "▾" : ">";
        const heading = this.#style.paint("bold", `${mark} ${oneLine(command.title)}`);
        return this.#onLine(job, time + heading);
      }
      case "endgroup":
        this.#inGroup.delete(job);
        return;
      case "debug":
        return this.#onLine(job, indent + this.#style.paint("dim", oneLine(command.message)));
      case "annotation":
        this.#keep(job, command.annotation);
        return this.#onLine(job, indent + annotationText(command.annotation, this.#style));
      case undefined:
        return this.#onLine(job, indent + text);
    }
  }

  /** The attempt has ended: a group that it left open must not swallow the next one's lines. */
  ended(job: string): void {
    this.#inGroup.delete(job);
    this.#commands.delete(job);
  }

  /** For the end of the run: what jobs said of their source, most of all. */
  annotations(): string[] {
    if (this.#annotations.length === 0) return [];
    const lines = this.#annotations.map(
      ({ job, annotation }) => `  ${job}: ${annotationText(annotation, this.#style)}`,
    );
    if (this.#left > 0) lines.push(this.#style.paint("dim", `  and ${this.#left} more`));
    return ["annotations", ...lines, ""];
  }

  #commandsOf(job: string): LogCommands {
    const known = this.#commands.get(job) ?? new LogCommands();
    this.#commands.set(job, known);
    return known;
  }

  #keep(job: string, annotation: Annotation): void {
    if (this.#annotations.length < ANNOTATIONS_MAX) this.#annotations.push({ job, annotation });
    else this.#left++;
  }
}
