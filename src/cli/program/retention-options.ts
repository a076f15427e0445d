/** The options that say how long a server keeps what jobs leave. */
import { type Command, Option } from "commander";
import { parseDuration, parseSize } from "../../actors/pipelines/index.ts";
import type { ServerOptions } from "../../server/index.ts";
import { UsageError } from "../usage-error.ts";
import { wholeNumber } from "../whole-number.ts";

export interface RetentionOptions {
  readonly logsMaxAge?: number;
  readonly logsMaxCount?: number;
  readonly logsMaxSize?: number;
  readonly filesMaxAge?: number;
  readonly cachesMaxUnused?: number;
  readonly cachesMaxSize?: number;
}

export function addRetentionOptions(command: Command): Command {
  return command
    .addOption(
      new Option("--logs-max-age <time>", "delete logs that ended so long ago, such as 30d")
        .env("TROUPE_LOGS_MAX_AGE")
        .argParser(age("--logs-max-age")),
    )
    .addOption(
      new Option("--logs-max-count <n>", "keep the newest n ended logs")
        .env("TROUPE_LOGS_MAX_COUNT")
        .argParser(wholeNumber("--logs-max-count", [0, Number.MAX_SAFE_INTEGER])),
    )
    .addOption(
      new Option("--logs-max-size <size>", "keep the newest ended logs up to this, such as 50GiB")
        .env("TROUPE_LOGS_MAX_SIZE")
        .argParser(size("--logs-max-size")),
    )
    .addOption(
      new Option(
        "--files-max-age <time>",
        "delete artifacts, workspaces and summaries that were stored so long ago",
      )
        .env("TROUPE_FILES_MAX_AGE")
        .argParser(age("--files-max-age")),
    )
    .addOption(
      new Option(
        "--caches-max-unused <time>",
        "delete caches that no job has used for so long (default: 7d)",
      )
        .env("TROUPE_CACHES_MAX_UNUSED")
        .argParser(age("--caches-max-unused")),
    )
    .addOption(
      new Option(
        "--caches-max-size <size>",
        "keep the last used caches up to this in all (default: 10GiB)",
      )
        .env("TROUPE_CACHES_MAX_SIZE")
        .argParser(size("--caches-max-size")),
    );
}

type RetentionServerOptions = Pick<
  ServerOptions,
  "logRetention" | "fileRetention" | "cacheUnusedMs" | "cachesBytesMax"
>;

export function retentionOf({
  logsMaxAge: ageMsMax,
  logsMaxCount: countMax,
  logsMaxSize: bytesMax,
  filesMaxAge,
  cachesMaxUnused: cacheUnusedMs,
  cachesMaxSize: cachesBytesMax,
}: RetentionOptions): RetentionServerOptions {
  return {
    logRetention: {
      ...(ageMsMax !== undefined && { ageMsMax }),
      ...(countMax !== undefined && { countMax }),
      ...(bytesMax !== undefined && { bytesMax }),
    },
    ...(filesMaxAge !== undefined && { fileRetention: { ageMsMax: filesMaxAge } }),
    ...(cacheUnusedMs !== undefined && { cacheUnusedMs }),
    ...(cachesBytesMax !== undefined && { cachesBytesMax }),
  };
}

/** With its unit: who writes 30 and means days must not lose all but half a minute. */
function age(option: string) {
  return (text: string): number => {
    const ms = /^[\d.\s]*$/.test(text) ? undefined : parseDuration(text);
    if (ms !== undefined && ms > 0) return ms;
    throw new UsageError(`${option} wants a time with its unit, such as 30d or 12h, got "${text}"`);
  };
}

function size(option: string) {
  return (text: string): number => {
    const bytes = parseSize(text);
    if (bytes !== undefined) return bytes;
    throw new UsageError(`${option} wants a size with its unit, such as 50GiB, got "${text}"`);
  };
}
