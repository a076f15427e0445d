/** `troupe caches`: what jobs have cached for later runs. */
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { byteSize } from "../render/byte-size.ts";
import { duration } from "../render/duration.ts";
import { table } from "../render/table.ts";
import { withClient } from "../with-client.ts";

export interface CachesOptions {
  readonly data: string;
  readonly limit: number;
  readonly pipeline?: string;
  readonly json?: boolean;
}

export function caches(context: CliContext, options: CachesOptions): Promise<number> {
  const { pipeline = "", limit } = options;
  return withClient(context, options.data, async (client) => {
    const { caches: known, ...all } = await client.listCaches({ pipeline, limit });
    if (options.json === true) {
      for (const cache of known) context.stdout.write(`${JSON.stringify(cache)}\n`);
      return exitCodes.ok;
    }
    if (known.length === 0) {
      const whose = pipeline === "" ? "" : ` of the pipeline ${pipeline}`;
      context.stdout.write(`no caches${whose} yet; jobs with "cache" leave them\n`);
      return exitCodes.ok;
    }
    const ago = (atMs: number): string => `${duration(context.nowMs() - atMs)} ago`;
    const rows = known.map((cache) => [
      cache.pipeline,
      cache.key,
      byteSize(cache.bytes),
      ago(cache.savedAtMs),
      ago(cache.usedAtMs),
    ]);
    const header = ["PIPELINE", "KEY", "SIZE", "SAVED", "USED"];
    const count = known.length < all.cachesTotal ? `${known.length} of ` : "";
    const room = `${byteSize(all.storedBytes)} stored, all pipelines may take ${byteSize(all.bytesMax)}`;
    const lines = [...table([header, ...rows]), `${count}${all.cachesTotal} caches: ${room}`];
    context.stdout.write(`${lines.join("\n")}\n`);
    return exitCodes.ok;
  });
}
