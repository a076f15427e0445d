/**
 * `troupe logs`: the raw bytes of a job's log on stdout, nothing else; with `--grep` of its matching lines, with `--group` of
 * one group, with `--timestamps` each line after the time when it came.
 */
import { once } from "node:events";
import type { ReadLogResponse } from "../../../proto/troupe/control/v1/control.ts";
import type { ControlClient } from "../../server/index.ts";
import type { CliContext } from "../cli-context.ts";
import { exitCodes } from "../exit-codes.ts";
import { Interruption } from "../interruption.ts";
import { MatchingLines } from "../render/matching-lines.ts";
import { StampedLines } from "../render/stamped-lines.ts";
import { UsageError } from "../usage-error.ts";
import { withClient } from "../with-client.ts";
import { groupsOf } from "./groups.ts";

export interface LogsOptions {
  readonly data: string;
  readonly follow?: boolean;
  readonly attempt?: number;
  readonly offset: number;
  readonly grep?: RegExp;
  readonly search?: string;
  readonly group?: string;
  readonly timestamps?: boolean;
}

interface JobOfRun {
  readonly runId: string;
  readonly job: string;
}

export function logs(context: CliContext, of: JobOfRun, options: LogsOptions): Promise<number> {
  return withClient(context, options.data, async (client) => {
    const { grep, timestamps: withTimes = false } = options;
    const part = await partOf(client, of, options);
    const request = {
      ...of,
      attempt: options.attempt ?? 0,
      offset: part.offset,
      follow: options.follow === true,
      search: options.search,
      times: withTimes,
    };
    const matching = grep === undefined ? undefined : new MatchingLines(grep, { withTimes });
    const lines = matching ?? (withTimes ? new StampedLines() : undefined);
    let found = false;
    const interruption = new Interruption(context);
    const { signal } = interruption;
    try {
      for await (const piece of client.readLog(request, signal)) {
        const within = cut(piece, part.endOffset);
        const shown = lines === undefined ? within.data : lines.push(within);
        if (shown.length > 0) found = true;
        if (shown.length > 0 && !context.stdout.write(shown)) {
          await once(context.stdout, "drain", { signal });
        }
        if (piece.offset + piece.data.length >= part.endOffset) break;
      }
      if (matching !== undefined) context.stdout.write(matching.end());
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      interruption.dispose();
    }
    // As grep has it: finding nothing is an answer that scripts can tell apart.
    const nothing = matching?.found === false || (options.search !== undefined && !found);
    return nothing ? exitCodes.failed : exitCodes.ok;
  });
}

/** Of the log: all from an offset on, or the first group of that title. */
async function partOf(
  client: ControlClient,
  of: JobOfRun,
  { group, offset, attempt = 0, follow }: LogsOptions,
): Promise<{ readonly offset: number; readonly endOffset: number }> {
  if (group === undefined) return { offset, endOffset: Number.POSITIVE_INFINITY };
  if (offset > 0 || follow === true) {
    throw new UsageError(
      "--group goes with neither --offset nor --follow: a group is a stored part",
    );
  }
  for await (const found of groupsOf(client, { ...of, attempt })) {
    if (found.title === group) return found;
  }
  throw new UsageError(`this log has no group "${group}"; list them with: troupe groups`);
}

function cut(piece: ReadLogResponse, endOffset: number): ReadLogResponse {
  if (piece.offset + piece.data.length <= endOffset) return piece;
  return { ...piece, data: piece.data.subarray(0, Math.max(0, endOffset - piece.offset)) };
}
