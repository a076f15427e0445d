/**
 * The bottom of a terminal that is redrawn in place while lines scroll by above it.
 *
 *  L1. What `print` writes is never overwritten.
 *  L2. The area is at most as high as the terminal, else erasing it would eat what stands above.
 */
export interface TerminalStream {
  write(text: string): unknown;
  readonly rows?: number;
}

const ERASE_DOWN = "\u001b[0J";
const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";

export class LiveArea {
  readonly #stream: TerminalStream;
  #height = 0;
  #pending = "";
  #hidden = false;

  constructor(stream: TerminalStream) {
    this.#stream = stream;
  }

  /** A line above the area; shown with the next `draw`. */
  print(line: string): void {
    this.#pending += `${line}\n`;
  }

  draw(lines: readonly string[]): void {
    const room = Math.max(1, (this.#stream.rows || 30) - 1);
    const shown = lines.slice(0, room);
    const start = this.#hidden ? "" : HIDE_CURSOR;
    this.#hidden = true;
    this.#stream.write(
      `${start}${this.#erase()}${this.#pending}${shown.map((line) => `${line}\n`).join("")}`,
    );
    this.#pending = "";
    this.#height = shown.length;
  }

  /** Takes the area away, leaves what was printed, gives the cursor back. */
  close(): void {
    this.#stream.write(`${this.#erase()}${this.#pending}${this.#hidden ? SHOW_CURSOR : ""}`);
    this.#pending = "";
    this.#height = 0;
    this.#hidden = false;
  }

  #erase(): string {
    return this.#height === 0 ? "" : `\r\u001b[${this.#height}A${ERASE_DOWN}`;
  }
}
