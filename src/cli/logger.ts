/** Warnings of the server inside a command go to stderr; `TROUPE_DEBUG=1` lets everything through. */
import type { Logger } from "../actors/kernel/index.ts";
import type { CliContext } from "./cli-context.ts";

type Level = "debug" | "info" | "warn" | "error";
const RANK: Readonly<Record<Level, number>> = { debug: 0, info: 1, warn: 2, error: 3 };

export function cliLogger(context: CliContext, threshold: Level = "warn"): Logger {
  const least = (context.env["TROUPE_DEBUG"] ?? "") === "" ? threshold : "debug";
  return logger(context, least, {});
}

function logger(context: CliContext, least: Level, bound: Record<string, unknown>): Logger {
  const write =
    (level: Level) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      if (RANK[level] < RANK[least]) return;
      const all = Object.entries({ ...bound, ...fields })
        .map(([name, value]) => `${name}=${shown(value)}`)
        .join(" ");
      const format = level === "error" ? "red" : level === "warn" ? "yellow" : "dim";
      const { err, stderr } = context;
      stderr.write(
        `${err.paint(format, level)} ${message}${all === "" ? "" : ` ${err.paint("dim", all)}`}\n`,
      );
    };
  return {
    debug: write("debug"),
    info: write("info"),
    warn: write("warn"),
    error: write("error"),
    child: (fields) => logger(context, least, { ...bound, ...fields }),
  };
}

function shown(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.message);
  if (typeof value === "string") return /[\s"=]/.test(value) ? JSON.stringify(value) : value;
  return JSON.stringify(value) ?? String(value);
}
