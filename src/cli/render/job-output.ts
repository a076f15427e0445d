/**
 * A job's lines as a person reads them: groups become headings with their lines indented, annotations
 * are marked and kept for the summary, and no command is shown as it was written.
 */
import { type Annotation, logCommand, type Severity } from "./log-commands.ts";
import type { Style } from "./style.ts";

/** A job that reports more has a reader who looks at its log. */
const ANNOTATIONS_MAX = 50;

const FORMATS = { error: "red", warning: "yellow", notice: "cyan" } as const;

interface JobAnnotation {
  readonly job: string;
  readonly annotation: Annotation;
}

export class JobOutput {
  readonly #style: Style;
  readonly #onLine: (job: string, line: string) => void;
  readonly #inGroup = new Set<string>();
  readonly #annotations: JobAnnotation[] = [];
  #left = 0;

  constructor(style: Style, onLine: (job: string, line: string) => void) {
    this.#style = style;
    this.#onLine = onLine;
  }

  line(job: string, text: string): void {
    const command = logCommand(text);
    const indent = this.#inGroup.has(job) ? "  " : "";
    switch (command?.kind) {
      case "group": {
        this.#inGroup.add(job);
        const mark = this.#style.unicode ? "▾" : ">";
        return this.#onLine(job, this.#style.paint("bold", `${mark} ${oneLine(command.title)}`));
      }
      case "endgroup":
        this.#inGroup.delete(job);
        return;
      case "debug":
        return this.#onLine(job, this.#style.paint("dim", indent + oneLine(command.message)));
      case "annotation":
        this.#keep(job, command.annotation);
        return this.#onLine(job, indent + this.#text(command.annotation));
      case undefined:
        return this.#onLine(job, indent + text);
    }
  }

  /** The attempt has ended: a group that it left open must not swallow the next one's lines. */
  ended(job: string): void {
    this.#inGroup.delete(job);
  }

  /** For the end of the run: what jobs said of their source, most of all. */
  annotations(): string[] {
    if (this.#annotations.length === 0) return [];
    const lines = this.#annotations.map(
      ({ job, annotation }) => `  ${job}: ${this.#text(annotation)}`,
    );
    if (this.#left > 0) lines.push(this.#style.paint("dim", `  and ${this.#left} more`));
    return ["annotations", ...lines, ""];
  }

  #keep(job: string, annotation: Annotation): void {
    if (this.#annotations.length < ANNOTATIONS_MAX) this.#annotations.push({ job, annotation });
    else this.#left++;
  }

  #text({ severity, message, title, file, line, column }: Annotation): string {
    const place = [file, line, column].filter((part) => part !== undefined).join(":");
    const text = [place, title, message].filter((part) => part !== undefined && part !== "");
    return `${this.#severity(severity)} ${oneLine(text.join(": "))}`;
  }

  #severity(severity: Severity): string {
    return this.#style.paint(FORMATS[severity], `${severity}:`);
  }
}

/** What an escape brought back: the screen gets it as a space. */
function oneLine(text: string): string {
  return text.replaceAll(/[\u0000-\u001a\u001c-\u001f\u007f]+/g, " ");
}
