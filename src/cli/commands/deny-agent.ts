/** `troupe workers deny` and `allow`: shuts an agent out, and lets it in again. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { withClient } from "../with-client.ts";

export interface DenyOptions {
  readonly data: string;
  readonly reason: string;
}

export function denyAgent(
  context: CliContext,
  agentId: string,
  { data, reason }: DenyOptions,
): Promise<number> {
  return withClient(context, data, async (client) => {
    const { sessionsEnded } = await client.denyAgent({ agentId, reason });
    const was = sessionsEnded === 0 ? "it was not connected" : "its session has ended";
    context.stdout.write(`${agentId} is denied; ${was}\n`);
    return exitCodes.ok;
  });
}

export function allowAgent(
  context: CliContext,
  agentId: string,
  { data }: Pick<DenyOptions, "data">,
): Promise<number> {
  return withClient(context, data, async (client) => {
    await client.allowAgent({ agentId });
    context.stdout.write(`${agentId} may connect again; start it\n`);
    return exitCodes.ok;
  });
}
