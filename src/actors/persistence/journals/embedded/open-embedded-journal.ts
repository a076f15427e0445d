import {
  isTroupeError,
  type Logger,
  limits,
  type Random,
  reasonOf,
  silentLogger,
  systemRandom,
  TroupeError,
} from "../../../kernel/index.ts";
import type { Journal } from "../../journal.ts";
import { EmbeddedJournal } from "./embedded-journal.ts";
import { existingMetadata } from "./existing-metadata.ts";
import { fileRefusal, readingWish, refusedFile } from "./file-refusal.ts";
import type { FileSystem } from "./file-system.ts";
import { Log } from "./log.ts";
import { LogWriter } from "./log-writer.ts";
import { createMetadata, type Metadata, readMetadata, unusable } from "./metadata.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import { SegmentPool } from "./segment-pool.ts";

export interface EmbeddedJournalOptions {
  /** The folder that holds the journal and nothing else; made when it is missing. */
  readonly directory: string;
  /** How many shards a new journal gets, 1 to 65,535; an existing one must have as many. Default 64. */
  readonly shards?: number;
  /**
   * For tools beside a running server: writes nothing, makes nothing, and reads up to the last
   * valid batch. Default false.
   */
  readonly readOnly?: boolean;
  /** Size at which a file of the log is full, in bytes. Default `journalSegmentBytes`. */
  readonly segmentBytes?: number;
  /** Default: the machine's. */
  readonly fileSystem?: FileSystem;
  /** Default: the machine's. */
  readonly random?: Random;
  /** Is told of a full disk and of writes that were never finished. Default: nobody. */
  readonly logger?: Logger;
}

const shardsDefault = 64;

/**
 * Opens the journal of a data folder, or makes one. Fails with `TROUPE_JOURNAL_READ_ONLY` when
 * the folder cannot be written, `TROUPE_FILE_REFUSED` when it may not be read, `TROUPE_JOURNAL_CORRUPT` on damage, `TROUPE_JOURNAL_UNUSABLE`
 * when it is of a newer format or of another number of shards, or (read-only) is not there, and
 * `TROUPE_JOURNAL_UNAVAILABLE` when the file system fails.
 */
export async function openEmbeddedJournal(options: EmbeddedJournalOptions): Promise<Journal> {
  const { directory } = options;
  try {
    return await open(options);
  } catch (error) {
    if (isTroupeError(error)) throw error;
    const reason = reasonOf(error);
    const refusal = fileRefusal(error);
    if (options.readOnly === true && refusal !== undefined) {
      throw refusedFile(error, readingWish(directory));
    }
    if (refusal === "forbidden") {
      const details = { journal: directory, reason };
      throw new TroupeError("TROUPE_JOURNAL_READ_ONLY", details, { cause: error });
    }
    if (refusal === "full") {
      const details = { journal: directory, reason };
      throw new TroupeError("TROUPE_JOURNAL_FULL", details, { cause: error });
    }
    const details = { journal: directory, operation: "open", reason };
    throw new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: error });
  }
}

async function open(options: EmbeddedJournalOptions): Promise<Journal> {
  const { directory, fileSystem = nodeFileSystem, random = systemRandom } = options;
  const { logger = silentLogger, segmentBytes = limits.journalSegmentBytes } = options;
  const { journalId, shards } = await metadataFor(options, fileSystem, random);
  const pool = new SegmentPool({
    openFilesMax: limits.journalOpenFilesMax,
    indexBytesMax: limits.journalIndexBytesMax,
  });
  const log = new Log({ fileSystem, directory, journalId, shards }, pool, logger);
  await log.open();
  let writer: LogWriter | undefined;
  if (options.readOnly !== true) {
    const session = Buffer.from(random.bytes(8)).toString("hex");
    const place = { fileSystem, directory, journalId, session };
    writer = new LogWriter(log, { ...place, segmentBytes, logger });
    await writer.open();
  }
  return new EmbeddedJournal({
    directory,
    fileSystem,
    journalId,
    shards,
    recordBytesMax: limits.journalRecordBytesMax,
    batchBytesMax: limits.journalBatchBytesMax,
    log,
    pool,
    writer,
  });
}

async function metadataFor(
  options: EmbeddedJournalOptions,
  fileSystem: FileSystem,
  random: Random,
): Promise<Metadata> {
  const { directory } = options;
  const place = { fileSystem, directory };
  const metadata =
    options.readOnly === true
      ? await existingMetadata(place)
      : ((await readMetadata(place)) ??
        (await createMetadata(place, options.shards ?? shardsDefault, random)));
  if (options.shards !== undefined && options.shards !== metadata.shards) {
    const problem = `it has ${metadata.shards} shards for life, and ${options.shards} were asked for`;
    throw unusable(directory, problem);
  }
  return metadata;
}
