/** `troupe journal export`: every event that counts, as JSON lines. */
import { storedEvents } from "../../../actors/persistence/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { writeLines } from "../../write-lines.ts";
import { type SourceOptions, withSource } from "./journal-source.ts";
import { shardsOf } from "./shard-choice.ts";
import { choiceOf, type TailCommandOptions } from "./tail.ts";

export type ExportOptions = SourceOptions &
  Pick<TailCommandOptions, "shard" | "type" | "id" | "tag">;

export function exportEvents(context: CliContext, options: ExportOptions): Promise<number> {
  return withSource(context, options, async ({ journal }) => {
    const shards = shardsOf(journal, options.shard);
    const choice = { ...(shards && { shards }), ...choiceOf(options) };
    return await writeLines(context, async function* lines() {
      for await (const event of storedEvents(journal, choice)) yield JSON.stringify(event);
    });
  });
}
