/** Which journal a command reads: that of a data folder, also beside a running server. */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Journal, openEmbeddedJournal } from "../../../actors/persistence/index.ts";
import { journalFolder } from "../../../actors/system/index.ts";
import type { CliContext } from "../../cli-context.ts";
import { cliLogger } from "../../logger.ts";
import { UsageError } from "../../usage-error.ts";

export interface SourceOptions {
  readonly data: string;
}

export interface JournalSource {
  readonly journal: Journal;
  /** For people. */
  readonly name: string;
  /** The folder of an embedded journal. */
  readonly directory: string | undefined;
}

/** Opens the journal for reading alone; closes it when `work` has ended. */
export async function withSource<R>(
  context: CliContext,
  options: SourceOptions,
  work: (source: JournalSource) => Promise<R>,
): Promise<R> {
  const directory = journalDirectory(context, options.data);
  const journal = await openEmbeddedJournal({
    directory,
    readOnly: true,
    logger: cliLogger(context),
  });
  try {
    return await work({ journal, name: directory, directory });
  } finally {
    await journal.close();
  }
}

/** A data folder holds its journal in a folder of its own; that one may be named too. */
export function journalDirectory(context: CliContext, data: string): string {
  const folder = resolve(context.cwd, data);
  const inside = join(folder, journalFolder);
  if (existsSync(join(inside, "journal.json")) || existsSync(inside)) return inside;
  if (existsSync(join(folder, "journal.json"))) return folder;
  throw new UsageError(
    `there is no journal in "${data}" (no ${join(inside, "journal.json")}); name a server's data folder with --data`,
  );
}
