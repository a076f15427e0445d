/** `troupe agent`: the agent process, by the same code as `troupe-agent`. */
import type { CliContext } from "../cli-context.ts";

export interface AgentOptions {
  readonly server: string;
  readonly tokenFile?: string;
  readonly name?: string;
  readonly label: Readonly<Record<string, string>>;
  readonly slots?: number;
  readonly workDir?: string;
  readonly stateDir?: string;
}

export async function agent(_context: CliContext, options: AgentOptions): Promise<number> {
  const { runAgent } = await import("../../agent/index.ts");
  return runAgent(options);
}
