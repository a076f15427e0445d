import type { Suite } from "../suite.ts";
import { journalFigures } from "./journal-figures.ts";

export const suite: Suite = {
  name: "persistence",
  measured:
    "records of the embedded journal on the temporary folder's disk, synced before each answer, one closed loop a shard; the replay reads them back from the kernel's memory",
  notMeasured:
    "actors, serialisation, snapshots, Kafka, and a disk whose cache is cold; the load runs in the process that is measured",
  async run(bench) {
    await journalFigures(bench);
  },
};
