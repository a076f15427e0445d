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
  readonly tlsCa?: string;
  readonly plaintext?: boolean;
}

export async function agent(_context: CliContext, options: AgentOptions): Promise<number> {
  const { runAgent } = await import("../../agent/index.ts");
  const { tlsCa, ...flags } = options;
  return runAgent({ ...flags, ...(tlsCa === undefined ? {} : { tlsCaFile: tlsCa }) });
}
