/** An embedded journal that lies in several files, written and closed. */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "vitest";
import { openEmbeddedJournal } from "../../../../src/actors/persistence/journals/index.ts";
import { encodePayload } from "../../../../src/actors/persistence/payload-codec.ts";
import { event, quickLogs } from "../shard-fixture.ts";

/** Returns the paths of the log's files, oldest first. */
export async function journalFiles(directory: string): Promise<string[]> {
  const journal = await openEmbeddedJournal({ directory, shards: 2, segmentBytes: 4_096 });
  const logs = quickLogs(journal);
  for (let number = 0; number < 60; number++) {
    const id = `a/${number % 5}`;
    const log = await logs.open(logs.shardOf(id));
    const payload = encodePayload(`${number}`.padEnd(200), "the event");
    await log.commit(id, [{ ...event(), payload }]).confirmed;
  }
  await logs.close();
  await journal.close();
  const files = (await readdir(directory)).filter((name) => name.endsWith(".log")).sort();
  expect(files.length).toBeGreaterThan(3);
  return files.map((name) => join(directory, name));
}
