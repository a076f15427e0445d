/** Which journal a command reads: that of a data folder, or a Kafka topic; also beside a running server. */
import { accessSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  fileRefusal,
  type Journal,
  openEmbeddedJournal,
  openKafkaJournal,
  readingWish,
  refusedFile,
} from "../../../actors/persistence/index.ts";
import { journalFolder } from "../../../actors/system/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { cliLogger } from "../../logger.ts";
import { readKafka, type StoreOptions } from "../../stores.ts";
import { UsageError } from "../../usage-error.ts";

export interface SourceOptions extends StoreOptions {
  readonly data: string;
}

export interface JournalSource {
  readonly journal: Journal;
  /** For people. */
  readonly name: string;
}

/** Opens the journal for reading alone; closes it when `work` has ended. */
export async function withSource<R>(
  context: CliContext,
  options: SourceOptions,
  work: (source: JournalSource) => Promise<R>,
): Promise<R> {
  const { journal, name } = await open(context, options);
  try {
    return await work({ journal, name });
  } finally {
    await journal.close();
  }
}

async function open(context: CliContext, options: SourceOptions): Promise<JournalSource> {
  const logger = cliLogger(context);
  const { kafka } = await readKafka(context, options);
  if (kafka !== undefined) {
    const { topic = "troupe-journal", brokers } = kafka;
    const journal = await openKafkaJournal({ ...kafka, readOnly: true, logger });
    return { journal, name: `topic ${topic} at ${brokers.join(",")}` };
  }
  const name = journalDirectory(context, options.data);
  return { journal: await openEmbeddedJournal({ directory: name, readOnly: true, logger }), name };
}

/** A data folder holds its journal in a folder of its own; that one may be named too. */
export function journalDirectory(context: CliContext, data: string): string {
  const folder = resolve(context.cwd, data);
  const inside = join(folder, journalFolder);
  if (isThere(inside)) return inside;
  if (isThere(join(folder, "journal.json"))) return folder;
  throw new UsageError(
    `there is no journal in "${data}" (no ${join(inside, "journal.json")}); name a server's data folder with --data, or brokers with --kafka`,
  );
}

/** A folder that may not be looked into may well hold a journal. */
function isThere(path: string): boolean {
  try {
    accessSync(path);
    return true;
  } catch (error) {
    if (fileRefusal(error) === "forbidden") throw refusedFile(error, readingWish(path));
    return false;
  }
}
