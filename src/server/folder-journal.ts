/**
 * A data folder belongs to one journal: its logs and the agents that know it mean nothing to another.
 * Starting it with the journal elsewhere would look like an empty server, so it is refused.
 */
import { access } from "node:fs/promises";
import { join } from "node:path";
import { TroupeError } from "../actors/kernel/index.ts";
import { journalFolder } from "../actors/system/index.ts";
import { type JournalPlace, readSystemFile, type SystemFile } from "./data-folder.ts";

/** Before the journal is opened. @throws TROUPE_JOURNAL_UNUSABLE */
export async function checkJournalPlace(
  dataDir: string,
  wanted: JournalPlace["in"],
): Promise<SystemFile | undefined> {
  const known = await readSystemFile(dataDir);
  const place = known?.journal?.in ?? ((await hasJournal(dataDir)) ? "folder" : undefined);
  if (place === undefined || place === wanted) return known;
  throw unusable(
    dataDir,
    wanted === "kafka"
      ? "the folder has a journal of its own, whose runs would not be seen from Kafka; leave out " +
          "kafka, or take a new folder"
      : "the folder's journal is on a Kafka topic; say which by kafka (--kafka), or take a new folder",
  );
}

/** After the journal was opened. @throws TROUPE_JOURNAL_UNUSABLE */
export function checkJournalId(dataDir: string, known: JournalPlace | undefined, id: string): void {
  if (known === undefined || known.id === id) return;
  throw unusable(
    dataDir,
    `the folder belongs to the journal ${known.id}, and this one is ${id}; give the brokers and the ` +
      "topic that it was started with, or take a new folder",
  );
}

async function hasJournal(dataDir: string): Promise<boolean> {
  return access(join(dataDir, journalFolder)).then(
    () => true,
    () => false,
  );
}

function unusable(dataDir: string, problem: string): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: `of ${dataDir}`, problem });
}
