/**
 * How text may look on the stream it goes to. Everything that renders takes a `Style`, so that a
 * pipe, `NO_COLOR` and a dumb terminal get plain words, and tests need no terminal.
 */
import { styleText } from "node:util";

type Format = Parameters<typeof styleText>[0];

export interface Style {
  readonly color: boolean;
  /** Symbols beyond ASCII. */
  readonly unicode: boolean;
  /** Lines may be redrawn in place. */
  readonly live: boolean;
  readonly columns: number;
  readonly rows: number;
  paint(format: Format, text: string): string;
}

export interface StyleSource {
  readonly isTTY?: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** `NO_COLOR` (any value), `FORCE_COLOR`, `TERM=dumb` and `CI` are honoured as users expect. */
export function styleOf(stream: StyleSource, env: NodeJS.ProcessEnv): Style {
  const terminal = stream.isTTY === true && env["TERM"] !== "dumb";
  const forced = env["FORCE_COLOR"] !== undefined && env["FORCE_COLOR"] !== "0";
  const color = env["NO_COLOR"] === undefined && (terminal || forced);
  const locale = env["LC_ALL"] ?? env["LC_CTYPE"] ?? env["LANG"] ?? "";
  return {
    color,
    unicode: terminal && (/utf-?8/i.test(locale) || locale === ""),
    live: terminal && env["CI"] === undefined,
    // A terminal that was never told its size says 0.
    columns: stream.columns || 100,
    rows: stream.rows || 30,
    paint: (format, text) => (color ? styleText(format, text, { validateStream: false }) : text),
  };
}

/** For pipes and tests: no colour, ASCII, no redrawing. */
export const plainStyle: Style = {
  color: false,
  unicode: false,
  live: false,
  columns: 100,
  rows: 30,
  paint: (_format, text) => text,
};
