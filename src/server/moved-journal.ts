import { readSystemFile, writeSystemFile } from "./data-folder.ts";

/**
 * The data folder's journal is on a Kafka topic from now on: a server that is started here without it is refused. The
 * folder's own journal stays where it is, untouched.
 */
export async function journalMovedToKafka(dataDir: string, journalId: string): Promise<void> {
  const known = await readSystemFile(dataDir);
  // Without one no server has ever been started here, and nothing is bound to a journal.
  if (known === undefined) return;
  await writeSystemFile(dataDir, { ...known, journal: { in: "kafka", id: journalId } });
}
