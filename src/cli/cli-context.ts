/** What a command may touch of the world: streams, environment, clock. Tests hand in their own. */
import { OutputLoss } from "./output-loss.ts";
import type { Style } from "./render/style.ts";
import { styleOf } from "./render/style.ts";

export interface CliContext {
  readonly stdout: NodeJS.WriteStream;
  readonly stderr: NodeJS.WriteStream;
  /** What becomes of the command when `stdout` can be written no more. */
  readonly outputLoss: OutputLoss;
  readonly env: NodeJS.ProcessEnv;
  readonly cwd: string;
  readonly out: Style;
  readonly err: Style;
  readonly nowMs: () => number;
}

export function processContext(): CliContext {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    outputLoss: new OutputLoss(),
    env: process.env,
    cwd: process.cwd(),
    out: styleOf(process.stdout, process.env),
    err: styleOf(process.stderr, process.env),
    nowMs: Date.now,
  };
}
