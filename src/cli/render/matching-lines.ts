/**
 * The lines that match, of a log that comes in pieces. Bounded: of a line longer than that, its first
 * `LINE_BYTES_MAX` bytes are looked at and shown. Colours do not stand in the way of a match.
 */
import type { ReadLogResponse } from "../../../proto/troupe/control/v1/control.ts";
import { LineTimes, timeText } from "./line-times.ts";

const LINE_BYTES_MAX = 64 * 1_024;
const newline = 10;
const noBytes = Buffer.alloc(0);
const COLOUR = /\u001b\[[0-?]*[ -/]*[@-~]/g;

type Piece = Pick<ReadLogResponse, "offset" | "data" | "times">;

export class MatchingLines {
  readonly #pattern: RegExp;
  readonly #withTimes: boolean;
  /** The line that has not ended yet. */
  #open: Buffer = noBytes;
  /** What is shown before it. */
  #stamp: Buffer = noBytes;
  #atLineStart = true;
  #found = false;

  /** `withTimes`: a line is shown with when it came. */
  constructor(pattern: RegExp, { withTimes = false } = {}) {
    this.#pattern = pattern;
    this.#withTimes = withTimes;
  }

  get found(): boolean {
    return this.#found;
  }

  /** The bytes of the matching lines that ended in this piece. */
  push({ offset, data, times }: Piece): Buffer {
    const shown: Buffer[] = [];
    const lineTimes = this.#withTimes ? new LineTimes(times) : undefined;
    let start = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, start)) {
      this.#begin(lineTimes, offset + start);
      this.#add(data.subarray(start, end));
      this.#close(shown);
      start = end + 1;
    }
    if (start < data.length) this.#begin(lineTimes, offset + start);
    this.#add(data.subarray(start));
    return Buffer.concat(shown);
  }

  /** The last line may have no end. */
  end(): Buffer {
    const shown: Buffer[] = [];
    if (this.#open.length > 0) this.#close(shown);
    return Buffer.concat(shown);
  }

  #begin(times: LineTimes | undefined, offset: number): void {
    if (!this.#atLineStart) return;
    this.#atLineStart = false;
    if (times !== undefined) this.#stamp = Buffer.from(timeText(times.at(offset)));
  }

  #add(piece: Buffer): void {
    const room = LINE_BYTES_MAX - this.#open.length;
    if (piece.length > 0 && room > 0) {
      this.#open = Buffer.concat([this.#open, piece.subarray(0, room)]);
    }
  }

  #close(shown: Buffer[]): void {
    const line = this.#open;
    this.#open = noBytes;
    this.#atLineStart = true;
    if (!this.#pattern.test(line.toString("utf8").replaceAll(COLOUR, ""))) return;
    this.#found = true;
    shown.push(this.#stamp, line, Buffer.from("\n"));
  }
}
