import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { memoryJournal, openEmbeddedJournal } from "../../src/actors/persistence/journals/index.ts";
import { eventLogContract } from "./event-log-contract.ts";

eventLogContract("memory", {
  otherEvents: 100_000,
  async create() {
    const journal = memoryJournal({ shards: 1 });
    return { journal, dispose: () => journal.close() };
  },
});

eventLogContract("embedded", {
  otherEvents: 1_000_000,
  async create() {
    const directory = await mkdtemp(join(tmpdir(), "troupe-event-log-"));
    const journal = await openEmbeddedJournal({ directory, shards: 1 });
    return {
      journal,
      async dispose() {
        await journal.close();
        await rm(directory, { recursive: true });
      },
    };
  },
});
