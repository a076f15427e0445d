/** An agent that finds itself process 1 of a container: makes a shell process 1, or says that it cannot. */
import { initScript } from "./init-script.ts";
import { findProgram } from "./shells.ts";

/** Of Node.js 22.15, 23.11 and newer. */
type Execve = (file: string, args: readonly string[], env: NodeJS.ProcessEnv) => never;

/**
 * Before the agent has begun anything: may not return. What it returns is for the agent's operator; undefined = all
 * is well.
 */
export function settleAsProcessOne(): string | undefined {
  if (process.pid !== 1 || process.platform !== "linux") return undefined;
  const { execve } = process as { execve?: Execve };
  const shell = findProgram(["sh"], process.env["PATH"] ?? "");
  const [node, script = "", ...args] = process.argv;
  if (execve !== undefined && shell !== undefined) {
    const agent = [node ?? process.execPath, ...process.execArgv, script, ...args];
    execve.call(
      process,
      shell,
      ["sh", "-c", initScript, "troupe-agent-init", ...agent],
      process.env,
    );
  }
  return "this agent is process 1 of its container, and this Node.js cannot take in processes that jobs leave behind: they stay as zombies. Start it by troupe-agent-init, or the container with an init of its own (docker run --init)";
}
