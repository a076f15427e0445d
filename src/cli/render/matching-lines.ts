/**
 * The lines that match, of a log that comes in pieces. Bounded: of a line longer than that, its first
 * `LINE_BYTES_MAX` bytes are looked at and shown. Colours do not stand in the way of a match.
 */
const LINE_BYTES_MAX = 64 * 1_024;
const newline = 10;
const noBytes = Buffer.alloc(0);
const COLOUR = /\u001b\[[0-?]*[ -/]*[@-~]/g;

export class MatchingLines {
  readonly #pattern: RegExp;
  /** The line that has not ended yet. */
  #open: Buffer = noBytes;
  #found = false;

  constructor(pattern: RegExp) {
    this.#pattern = pattern;
  }

  get found(): boolean {
    return this.#found;
  }

  /** The bytes of the matching lines that ended in this piece. */
  push(data: Buffer): Buffer {
    const shown: Buffer[] = [];
    let start = 0;
    for (let end = data.indexOf(newline); end >= 0; end = data.indexOf(newline, start)) {
      this.#add(data.subarray(start, end));
      this.#close(shown);
      start = end + 1;
    }
    this.#add(data.subarray(start));
    return Buffer.concat(shown);
  }

  /** The last line may have no end. */
  end(): Buffer {
    const shown: Buffer[] = [];
    if (this.#open.length > 0) this.#close(shown);
    return Buffer.concat(shown);
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
    if (!this.#pattern.test(line.toString("utf8").replaceAll(COLOUR, ""))) return;
    this.#found = true;
    shown.push(line, Buffer.from("\n"));
  }
}
