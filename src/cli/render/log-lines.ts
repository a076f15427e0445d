/**
 * Turns raw log bytes of many jobs into whole lines for a terminal. Bytes of one job arrive in
 * order; a line is held back until its end comes, or until the attempt has ended.
 */
import { StringDecoder } from "node:string_decoder";
import type { LogPiece } from "../../../proto/troupe/control/v1/control.ts";
import { LineTimes } from "./line-times.ts";

/** A line longer than this is shown in pieces, so that a job without newlines cannot fill memory. */
const LINE_CHARACTERS_MAX = 16_384;

interface Partial {
  readonly decoder: StringDecoder;
  attempt: number;
  text: string;
  /** When its first byte came. */
  atMs: number | undefined;
}

const newline = 10;

export class LogLines {
  readonly #partials = new Map<string, Partial>();
  readonly #onLine: (job: string, line: string, atMs: number | undefined) => void;

  constructor(onLine: (job: string, line: string, atMs: number | undefined) => void) {
    this.#onLine = onLine;
  }

  write({ job, attempt, offset, data, times }: LogPiece): void {
    let partial = this.#partials.get(job);
    if (partial === undefined || partial.attempt !== attempt) {
      if (partial !== undefined) this.end(job);
      partial = { decoder: new StringDecoder("utf8"), attempt, text: "", atMs: undefined };
      this.#partials.set(job, partial);
    }
    const lineTimes = new LineTimes(times);
    if (partial.text === "") partial.atMs = lineTimes.at(offset);
    const lines = (partial.text + partial.decoder.write(data)).split("\n");
    partial.text = lines.pop() ?? "";
    let begin = 0;
    for (const line of lines) {
      this.#onLine(job, withoutOverwritten(line), partial.atMs);
      // A newline is one byte, and no part of any other character.
      begin = data.indexOf(newline, begin) + 1;
      partial.atMs = lineTimes.at(offset + begin);
    }
    while (partial.text.length > LINE_CHARACTERS_MAX) {
      this.#onLine(job, harmless(partial.text.slice(0, LINE_CHARACTERS_MAX)), partial.atMs);
      partial.text = partial.text.slice(LINE_CHARACTERS_MAX);
    }
  }

  /** The attempt has ended: what is left is a line too. */
  end(job: string): void {
    const partial = this.#partials.get(job);
    if (partial === undefined) return;
    this.#partials.delete(job);
    const rest = partial.text + partial.decoder.end();
    if (rest !== "") this.#onLine(job, withoutOverwritten(rest), partial.atMs);
  }

  endAll(): void {
    for (const job of this.#partials.keys()) this.end(job);
  }
}

/**
 * Only colours may pass: what a job prints must not clear the screen, set its title or hide the
 * cursor of the one who watches. `troupe logs` gives the bytes as they are.
 */
function harmless(text: string): string {
  return text
    .replace(OPERATING_SYSTEM_COMMAND, "")
    .replace(CONTROL_SEQUENCE, (sequence) => (sequence.endsWith("m") ? sequence : ""))
    .replace(OTHER_CONTROL, "");
}

const OPERATING_SYSTEM_COMMAND = /\u001b[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)/g;
const CONTROL_SEQUENCE = /\u001b\[[0-?]*[ -/]*[@-~]?/g;
/** All but tab, and the escape of a colour. */
const OTHER_CONTROL =
  /\u001b(?!\[[0-?]*m)[ -/]*[0-~]?|[\u0000-\u0008\u000a-\u001a\u001c-\u001f\u007f\u0080-\u009f]/g;

/** A progress bar redraws its line with carriage returns: only the last state is worth a line. */
function withoutOverwritten(line: string): string {
  const text = line.endsWith("\r") ? line.slice(0, -1) : line;
  const last = text.lastIndexOf("\r");
  return harmless(last < 0 ? text : text.slice(last + 1));
}
