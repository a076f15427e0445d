/** The journal and the snapshot store of a system, opened by what its options name. */
import { join } from "node:path";
import { TroupeError } from "../kernel/index.ts";
import {
  type Journal,
  memoryJournal,
  openEmbeddedJournal,
  openKafkaJournal,
  openRedisSnapshotStore,
  type SnapshotStore,
} from "../persistence/index.ts";
import type { SystemOptions } from "./system-options.ts";

/** Where the journal lies in a data folder. */
export const journalFolder = "journal";

export interface Stores {
  readonly journal: Journal;
  readonly snapshots: SnapshotStore | undefined;
}

type StoreOptions = Pick<
  SystemOptions,
  "dataDir" | "kafka" | "redis" | "journal" | "snapshots" | "shards" | "clock" | "random" | "logger"
>;

/** Opens both, or neither. */
export async function openStores(options: StoreOptions): Promise<Stores> {
  refuseContradictions(options);
  const journal = options.journal ?? (await openJournal(options));
  try {
    return { journal, snapshots: options.snapshots ?? (await openSnapshots(options)) };
  } catch (error) {
    if (options.journal === undefined) await journal.close();
    throw error;
  }
}

/** Pairs of which only one can be meant. */
const contradictions: readonly {
  readonly options: readonly [keyof StoreOptions, keyof StoreOptions];
  readonly problem: string;
}[] = [
  {
    options: ["dataDir", "kafka"],
    problem: "each is a journal, and a system has one; leave out dataDir to keep it in Kafka",
  },
  {
    options: ["journal", "kafka"],
    problem: "each is a journal, and a system has one; leave out one of them",
  },
  {
    options: ["journal", "dataDir"],
    problem: "each is a journal, and a system has one; leave out one of them",
  },
  {
    options: ["journal", "shards"],
    problem: "an open journal has its shards for life; leave out shards",
  },
  {
    options: ["snapshots", "redis"],
    problem: "each is a snapshot store, and a system has one; leave out one of them",
  },
];

/** @throws TROUPE_OPTIONS_CONTRADICT */
function refuseContradictions(options: StoreOptions): void {
  for (const { options: pair, problem } of contradictions) {
    if (pair.every((name) => options[name] !== undefined)) {
      throw new TroupeError("TROUPE_OPTIONS_CONTRADICT", { options: pair, problem });
    }
  }
  const { redis, dataDir, kafka, journal } = options;
  if (redis !== undefined && [dataDir, kafka, journal].every((one) => one === undefined)) {
    throw new TroupeError("TROUPE_OPTIONS_CONTRADICT", {
      options: ["redis", "a journal in memory"],
      problem:
        "snapshots of a journal that ends with the process are of no use to any later one; " +
        "give dataDir or kafka as well",
    });
  }
}

function openJournal(options: StoreOptions): Promise<Journal> | Journal {
  const { dataDir, kafka, shards, clock, random, logger } = options;
  const given = {
    ...(shards !== undefined && { shards }),
    ...(random && { random }),
    ...(logger && { logger }),
  };
  if (kafka !== undefined) return openKafkaJournal({ ...kafka, ...given, ...(clock && { clock }) });
  if (dataDir === undefined) return memoryJournal(given);
  return openEmbeddedJournal({ ...given, directory: join(dataDir, journalFolder) });
}

async function openSnapshots(options: StoreOptions): Promise<SnapshotStore | undefined> {
  const { redis, clock, random, logger } = options;
  if (redis === undefined) return undefined;
  return openRedisSnapshotStore({
    ...redis,
    ...(clock && { clock }),
    ...(random && { random }),
    ...(logger && { logger }),
  });
}
