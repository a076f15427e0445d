import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A script of this folder as a process of its own: built, it is JavaScript; from source, the loader runs it. */
export function forked(
  name: string,
  args: readonly string[],
  nodeOptions: readonly string[] = [],
): ChildProcess {
  const file = `${name}.${import.meta.url.endsWith(".ts") ? "ts" : "js"}`;
  const execArgv = [...process.execArgv, ...nodeOptions];
  return fork(fileURLToPath(new URL(file, import.meta.url)), [...args], { execArgv });
}

/** The next message of a process; fails when it ends without one. */
export function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null, signal: string | null): void => {
      reject(new Error(`a process of the benchmark has ended (${code ?? signal})`));
    };
    child.once("exit", ended);
    child.once("message", (message) => {
      child.off("exit", ended);
      resolve(message);
    });
  });
}

export function killed(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
