import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "../../src/actors/kernel/index.ts";
import {
  faultJournal,
  memoryJournal,
  openEmbeddedJournal,
} from "../../src/actors/persistence/journals/index.ts";
import { type JournalUnderTest, journalContract } from "./journal-contract.ts";

const manyRecords = 1_000_000;

journalContract("memory", {
  durable: false,
  manyRecords,
  async create() {
    const journal = memoryJournal({ shards: 8 });
    return { journal, dispose: () => journal.close() };
  },
});

journalContract("fault adapter without faults, over memory", {
  durable: false,
  manyRecords: 10_000,
  async create() {
    const journal = faultJournal(memoryJournal({ shards: 8 }), { random: seededRandom(1) });
    return { journal, dispose: () => journal.close() };
  },
});

function embedded(segmentBytes?: number): () => Promise<JournalUnderTest> {
  return async () => {
    const directory = await mkdtemp(join(tmpdir(), "troupe-journal-"));
    const options = { directory, shards: 8, ...(segmentBytes !== undefined && { segmentBytes }) };
    let journal = await openEmbeddedJournal(options);
    return {
      journal,
      async reopen() {
        await journal.close();
        journal = await openEmbeddedJournal(options);
        return journal;
      },
      async dispose() {
        await journal.close();
        await rm(directory, { recursive: true });
      },
    };
  };
}

journalContract("embedded", { durable: true, manyRecords, create: embedded() });

// So small that every test goes over the edges of segments.
journalContract("embedded, segments of 512 bytes", {
  durable: true,
  manyRecords: 100_000,
  create: embedded(512),
});
