/** `troupe token create`: a one-time token for an agent. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { withClient } from "../with-client.ts";

export interface CreateTokenOptions {
  readonly data: string;
  readonly ttl: number;
  readonly label: Readonly<Record<string, string>>;
  readonly json?: boolean;
}

export function createToken(context: CliContext, options: CreateTokenOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { token, expiresAtMs, agentAddress } = await client.createToken({
      ttlMs: options.ttl * 1_000,
      labels: { ...options.label },
    });
    if (options.json === true) {
      context.stdout.write(`${JSON.stringify({ token, expiresAtMs, agentAddress })}\n`);
      return exitCodes.ok;
    }
    // The token alone on stdout, so that it can be piped; how to use it beside it.
    context.stdout.write(`${token}\n`);
    context.stderr.write(
      `used once, until ${new Date(expiresAtMs).toISOString()}:\n  TROUPE_TOKEN=<token> troupe agent --server ${agentAddress}\n`,
    );
    return exitCodes.ok;
  });
}
