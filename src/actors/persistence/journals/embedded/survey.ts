/**
 * Reads every byte of a journal's files and says what is there and what is not right, without opening the journal: it
 * goes on where a journal would refuse to open. Also while a server writes.
 */
import { isTroupeError } from "../../../kernel/index.ts";
import type { Position } from "../../journal.ts";
import { recordHeaderBytes } from "./batch.ts";
import { existingMetadata } from "./existing-metadata.ts";
import { readingWish, refusedFile } from "./file-refusal.ts";
import { errorCode, type FileSystem } from "./file-system.ts";
import { nodeFileSystem } from "./node-file-system.ts";
import type { ScannedBatch } from "./scan.ts";
import { Segment, segmentBase, segmentName } from "./segment.ts";
import { decodeRollSummary, rollCompleteTo, SegmentSummary } from "./segment-summary.ts";

export interface SurveyedFile {
  readonly path: string;
  /** Position of its first byte. */
  readonly base: Position;
  readonly bytes: number;
  readonly batches: number;
  readonly records: number;
  /** Bytes of writes that were never finished, and were stepped over: nothing in them was acknowledged. */
  readonly unfinishedBytes: number;
  /** Bytes behind the last whole batch: a write under way, or one that never finished. */
  readonly openBytes: number;
}

export interface FileDamage {
  /** File and byte. */
  readonly where: string;
  readonly problem: string;
}

export interface FolderSurvey {
  readonly directory: string;
  readonly journalId: string;
  readonly shards: number;
  readonly files: readonly SurveyedFile[];
  /** The first of each file. */
  readonly damages: readonly FileDamage[];
  /** The last file ends as a full one does, and the one that should follow is not there. */
  readonly missingNext: string | undefined;
}

const TRIES_MAX = 5;

/**
 * @throws TROUPE_JOURNAL_UNUSABLE when there is no journal, or it is of a newer format; TROUPE_JOURNAL_CORRUPT when its
 * journal.json is damaged or lost; TROUPE_FILE_REFUSED when something of it may not be read.
 */
export async function surveyEmbeddedJournal(
  directory: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<FolderSurvey> {
  try {
    return await survey(directory, fileSystem);
  } catch (error) {
    throw refusedFile(error, readingWish(directory));
  }
}

async function survey(directory: string, fileSystem: FileSystem): Promise<FolderSurvey> {
  const metadata = await existingMetadata({ directory, fileSystem });
  for (let attempt = 1; ; attempt++) {
    try {
      return await new Survey({ directory, fileSystem, ...metadata }).run();
    } catch (error) {
      // A file was removed by a cut after it had been listed.
      if (errorCode(error) !== "ENOENT" || attempt >= TRIES_MAX) throw error;
    }
  }
}

/** Where a position lies. */
export function fileAt({ files }: FolderSurvey, position: Position): string {
  const file = files.findLast(({ base }) => base <= position);
  return file === undefined ? `position ${position}` : `${file.path}, byte ${position - file.base}`;
}

class Survey {
  readonly #place: ConstructorParameters<typeof Segment>[0];
  readonly #files: SurveyedFile[] = [];
  readonly #damages: FileDamage[] = [];
  readonly #lows: Float64Array;
  #numberMax = 0;

  constructor(place: ConstructorParameters<typeof Segment>[0]) {
    this.#place = place;
    this.#lows = new Float64Array(place.shards);
  }

  async run(): Promise<FolderSurvey> {
    const bases = await this.#bases();
    let missingNext: string | undefined;
    for (const [index, base] of bases.entries()) {
      const next = await this.#surveyFile(base, bases[index + 1]);
      if (next !== undefined && !(await this.#bases()).includes(next)) {
        missingNext = segmentName(next);
      }
    }
    this.#checkBeginning(bases[0]);
    const { directory, journalId, shards } = this.#place;
    const found = { files: this.#files, damages: this.#damages, missingNext };
    return { directory, journalId, shards, ...found };
  }

  async #bases(): Promise<readonly Position[]> {
    const names = await this.#place.fileSystem.list(this.#place.directory);
    return names
      .map(segmentBase)
      .filter((base) => base !== undefined)
      .sort((one, other) => one - other);
  }

  #checkBeginning(first: Position | undefined): void {
    const { directory } = this.#place;
    if (first === undefined) {
      const problem = "the folder has a journal.json, but none of the log's files";
      this.#damages.push({ where: directory, problem });
    } else if (first > 0 && this.#lows.every((low) => low === 0)) {
      const problem = `the files before ${segmentName(first)} are missing, and nothing was ever cut`;
      this.#damages.unshift({ where: directory, problem });
    }
  }

  /** Returns the base of the file that should follow the last one. */
  async #surveyFile(base: Position, next: Position | undefined): Promise<Position | undefined> {
    const segment = new Segment(this.#place, base);
    const tally = new FileTally(segment, this.#place.shards);
    const bytes = await segment.size();
    try {
      const range = { from: 0, to: bytes, numberMax: this.#numberMax };
      const end = await segment.scan(range, (batch) => {
        tally.take(batch, this.#lows);
        this.#numberMax = Math.max(this.#numberMax, batch.header.number);
      });
      const { batches, records } = tally;
      const openBytes = end.rolled ? 0 : bytes - end.end;
      const unfinishedBytes = end.skippedBytes;
      const { path } = segment;
      this.#files.push({ path, base, bytes, batches, records, unfinishedBytes, openBytes });
      if (next !== undefined) this.#checkLink(segment, end, next);
      return next === undefined && end.rolled ? base + end.end : undefined;
    } catch (error) {
      if (!isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
      this.#damages.push(error.details);
      const { batches, records } = tally;
      const none = { unfinishedBytes: 0, openBytes: 0 };
      this.#files.push({ path: segment.path, base, bytes, batches, records, ...none });
      return undefined;
    } finally {
      await segment.closeFile();
    }
  }

  #checkLink(segment: Segment, end: { end: number; rolled: boolean }, next: Position): void {
    const follows = segment.base + end.end;
    if (end.rolled && follows === next) return;
    const where = `${segment.path}, byte ${end.end} (position ${follows})`;
    const problem = end.rolled
      ? `the file that follows, ${segmentName(follows)}, is missing; the next one there is ${segmentName(next)}`
      : `no batch there leads to the next file, ${segmentName(next)}: the end of this one is damaged or cut off`;
    this.#damages.push({ where, problem });
  }
}

/** Counts a file's batches, and holds the summary at its end against them. */
class FileTally {
  batches = 0;
  records = 0;
  readonly #segment: Segment;
  readonly #summary: SegmentSummary;

  constructor(segment: Segment, shards: number) {
    this.#segment = segment;
    this.#summary = new SegmentSummary(shards);
  }

  take(batch: ScannedBatch, lows: Float64Array): void {
    const { header, body, offset } = batch;
    this.batches += 1;
    this.#segment.eachRecordOf(batch, (shard, at, length) => {
      this.records += 1;
      this.#summary.add(shard, at, at + recordHeaderBytes + length);
    });
    this.#segment.mergeMarksOf(batch, lows);
    if (header.kind === "roll" && rollCompleteTo(body) === offset) this.#checkRoll(body, offset);
  }

  #checkRoll(body: Buffer, offset: number): void {
    const { shards } = this.#summary;
    const told = decodeRollSummary(body, shards);
    for (const column of ["count", "first", "last", "end"] as const) {
      const shard = this.#summary[column].findIndex((value, at) => value !== told[column][at]);
      if (shard === -1) continue;
      const problem = `the summary says ${column} ${told[column][shard]} of shard ${shard}, and the records say ${this.#summary[column][shard]}`;
      throw this.#segment.damage(offset, problem);
    }
  }
}
