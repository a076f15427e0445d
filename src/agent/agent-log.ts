/** The agent's own words: one line each, to stderr or to a file that cannot grow without bound. */
import { appendFileSync, renameSync, statSync } from "node:fs";
import { agentLimits } from "./limits.ts";

export interface AgentLog {
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
}

export const silentLog: AgentLog = { info() {}, warn() {}, error() {} };

/** Lines of `<time> <level> <message>` to `write`. */
export function lineLog(write: (line: string) => void, nowMs: () => number): AgentLog {
  const line = (level: string, message: string): void => {
    // One event is one line, also when it quotes somebody else's text.
    const text = message.replaceAll(/[\r\n]+/g, " ");
    write(`${new Date(nowMs()).toISOString()} ${level} ${text}\n`);
  };
  return {
    info: (message) => line("info", message),
    warn: (message) => line("warn", message),
    error: (message) => line("error", message),
  };
}

/**
 * Appends to `path`; a file of `logFileBytesMax` becomes `<path>.1`, in the place of the one before. A
 * disk that takes no more loses lines, never jobs.
 */
export function fileWriter(path: string): (line: string) => void {
  return (line) => {
    try {
      if (sizeOf(path) >= agentLimits.logFileBytesMax) renameSync(path, `${path}.1`);
      appendFileSync(path, line, { mode: 0o600 });
    } catch {
      // There is no better place to say so.
    }
  };
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
