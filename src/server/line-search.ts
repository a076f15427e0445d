/**
 * The lines of a log that hold a text, found where the log is stored. The text is looked for as it is written: a
 * pattern of a caller's own could keep the server busy for ever.
 *
 *  L1. Pieces may be cut anywhere: a line is looked at when its end has come, or the log's.
 *  L2. A line longer than `limits.logLineBytesMax` is looked at in parts of that length.
 */
import { limits, TroupeError } from "../actors/kernel/index.ts";
import type { LogPiece } from "../actors/logs/index.ts";

const newline = 10;

export class LineSearch {
  readonly #text: Buffer;
  /** What came after the last line's end. */
  #held = Buffer.alloc(0);

  /** Throws `TROUPE_REQUEST_INVALID`. */
  constructor(text: string) {
    this.#text = Buffer.from(text);
    const most = limits.logSearchCharactersMax;
    if (text.length > 0 && text.length <= most && !text.includes("\n")) return;
    const problem = `expected a text to search for of 1 to ${most} characters on one line`;
    throw new TroupeError("TROUPE_REQUEST_INVALID", { request: "readLog", problem });
  }

  push({ offset, data }: LogPiece): LogPiece[] {
    const from = offset - this.#held.length;
    const bytes = Buffer.concat([this.#held, data]);
    const ended = bytes.lastIndexOf(newline) + 1;
    const whole = ended > 0 || bytes.length < limits.logLineBytesMax ? ended : bytes.length;
    this.#held = bytes.subarray(whole);
    return this.#linesOf(bytes.subarray(0, whole), from);
  }

  /** The log has ended at `offset`: its last line may have no end. */
  end(offset: number): LogPiece[] {
    const last = this.#held;
    this.#held = Buffer.alloc(0);
    return this.#linesOf(last, offset - last.length);
  }

  #linesOf(bytes: Buffer, offset: number): LogPiece[] {
    const found: LogPiece[] = [];
    let from = 0;
    for (let at = bytes.indexOf(this.#text); at >= 0; at = bytes.indexOf(this.#text, from)) {
      const begin = Math.max(from, bytes.lastIndexOf(newline, at) + 1);
      const end = bytes.indexOf(newline, at) + 1 || bytes.length;
      found.push({ offset: offset + begin, data: bytes.subarray(begin, end) });
      from = end;
    }
    return found;
  }
}
