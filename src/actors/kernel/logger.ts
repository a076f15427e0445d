/** What a log line may carry beside its message. */
export type LogFields = Readonly<Record<string, unknown>>;

/** The port through which the framework logs. A pino logger fits behind a few lines of adapter. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger that adds `fields` to every line. */
  child(fields: LogFields): Logger;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

const nothing = (): void => {};

/** Drops every line. */
export const silentLogger: Logger = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
  child: () => silentLogger,
};

const rank: Readonly<Record<LogLevel, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

function printable(value: unknown): unknown {
  return value instanceof Error ? (value.stack ?? value.message) : value;
}

function lineOf(level: LogLevel, message: string, fields: LogFields): string {
  const shown = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const plain = printable(value);
      return `${key}=${typeof plain === "string" ? plain : JSON.stringify(plain)}`;
    });
  return [level.padEnd(5), message, ...shown].join(" ");
}

/** One readable line per record on stderr. `level` is the lowest that is shown (default `info`). */
export function consoleLogger(level: LogLevel = "info", fields: LogFields = {}): Logger {
  const write =
    (of: LogLevel) =>
    (message: string, more: LogFields = {}): void => {
      if (rank[of] >= rank[level]) console.error(lineOf(of, message, { ...fields, ...more }));
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (more) => consoleLogger(level, { ...fields, ...more }),
  };
}
