/** `troupe journal tail`: events as they are committed. */
import { setTimeout as pause } from "node:timers/promises";
import {
  type ExportedEvent,
  type Journal,
  type TailOptions,
  tailEvents,
} from "../../../actors/persistence/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { exitCodes } from "../../exit-codes.ts";
import { UsageError } from "../../usage-error.ts";
import { writeLines } from "../../write-lines.ts";
import { eventText } from "./event-text.ts";
import { type SourceOptions, withSource } from "./journal-source.ts";
import { shardsOf } from "./shard-choice.ts";

export interface TailCommandOptions extends SourceOptions {
  readonly shard?: number;
  readonly from: string;
  readonly type: readonly string[];
  readonly id: readonly string[];
  readonly tag: readonly string[];
  readonly json?: boolean;
}

/** How long an idle journal rests between two looks. */
const LOOK_EVERY_MS = 100;

export function tail(context: CliContext, options: TailCommandOptions): Promise<number> {
  const from = beginning(options);
  return withSource(context, options, async ({ journal }) => {
    const shards = shardsOf(journal, options.shard);
    if (typeof from === "number") await mustNotBeBehindEnd(journal, { shards, from });
    const following = (signal: AbortSignal): AsyncIterable<string> => {
      const rest = (): Promise<void> => pause(LOOK_EVERY_MS, undefined, { signal });
      const chosen = { ...choiceOf(options), ...(shards && { shards }) };
      const events = tailEvents(journal, { ...chosen, from, signal, pause: rest });
      return lines(events, options.json === true);
    };
    await writeLines(context, following, { live: true });
    return exitCodes.ok;
  });
}

function beginning({ from, shard }: TailCommandOptions): TailOptions["from"] {
  if (from === "now" || from === "start") return from;
  const position = Number(from);
  if (!Number.isSafeInteger(position) || position < 0) {
    throw new UsageError(`--from wants now, start or a position, got "${from}"`);
  }
  if (shard === undefined) {
    throw new UsageError("a position is one of a shard: give --shard with --from <position>");
  }
  return position;
}

/** A tail from there would say nothing until the log has grown so far, and look as if nothing happened. */
async function mustNotBeBehindEnd(
  journal: Journal,
  { shards = [], from }: { readonly shards: readonly number[] | undefined; readonly from: number },
): Promise<void> {
  for (const shard of shards) {
    const { end } = await journal.tail(shard);
    if (from <= end) continue;
    throw new UsageError(
      `--from wants a position up to ${end}, where shard ${shard} ends now, got ${from}; "now" shows what comes next`,
    );
  }
}

/** What is not given does not choose. */
export function choiceOf({
  type,
  id,
  tag,
}: Pick<TailCommandOptions, "type" | "id" | "tag">): Pick<
  TailOptions,
  "types" | "persistenceIds" | "tags"
> {
  return {
    ...(type.length > 0 && { types: type }),
    ...(id.length > 0 && { persistenceIds: id }),
    ...(tag.length > 0 && { tags: tag }),
  };
}

async function* lines(
  events: AsyncIterable<ExportedEvent>,
  asJson: boolean,
): AsyncGenerator<string> {
  for await (const event of events) yield asJson ? JSON.stringify(event) : eventText(event);
}
