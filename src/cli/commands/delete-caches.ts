/** `troupe caches delete`: by key, or all of a pipeline. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { byteSize } from "../render/byte-size.ts";
import { UsageError } from "../usage-error.ts";
import { withClient } from "../with-client.ts";

export interface DeleteCachesOptions {
  readonly data: string;
  readonly pipeline?: string;
  readonly all?: boolean;
}

export async function deleteCaches(
  context: CliContext,
  keys: readonly string[],
  { data, pipeline = "", all = false }: DeleteCachesOptions,
): Promise<number> {
  if (all && keys.length > 0) throw new UsageError("give keys or --all, not both");
  if (all && pipeline === "") throw new UsageError("--all wants --pipeline <name>");
  if (!all && keys.length === 0) {
    throw new UsageError("give the keys of caches, or --pipeline <name> --all");
  }
  return withClient(context, data, async (client) => {
    const request = { pipeline, keys: [...keys], all };
    const { deleted, freedBytes } = await client.deleteCaches(request);
    context.stdout.write(
      deleted === 0
        ? `the pipeline ${pipeline} has no caches\n`
        : `deleted ${deleted} ${deleted === 1 ? "cache" : "caches"}; ${byteSize(freedBytes)} freed\n`,
    );
    return exitCodes.ok;
  });
}
