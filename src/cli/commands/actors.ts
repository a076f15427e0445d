/** `troupe actors`: the tree of a running server's actors. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface ActorsOptions {
  readonly data: string;
  readonly json?: boolean;
}

export function actors(context: CliContext, options: ActorsOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { actors: known } = await client.listActors({});
    if (options.json === true) {
      for (const actor of known) context.stdout.write(`${JSON.stringify(actor)}\n`);
      return exitCodes.ok;
    }
    const rows = known.map((actor) => [
      actor.path,
      actor.status,
      String(actor.mailboxDepth),
      String(actor.restarts),
      actor.lastFailure,
    ]);
    const header = ["ACTOR", "STATUS", "MAILBOX", "RESTARTS", "LAST FAILURE"];
    context.stdout.write(`${table([header, ...rows]).join("\n")}\n`);
    return exitCodes.ok;
  });
}
