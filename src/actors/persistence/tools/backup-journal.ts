/**
 * Writes an embedded journal into one file, also while a server writes to it.
 *
 *  B1. What is backed up is a beginning of the log: every batch up to some place, and none after it. The log is one
 *      for all shards and only grows, so that is a state which the journal once had.
 *  B2. Everything that was acknowledged before the backup began is in it: it was on the disk by then.
 *  B3. The file appears under its name whole and synced, or not at all; it never replaces another.
 */
import { createHash, type Hash, randomUUID } from "node:crypto";
import { type FileHandle, link, open, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { TroupeError } from "../../kernel/index.ts";
import {
  nodeFileSystem,
  readingWish,
  refusedFile,
  type SurveyedFile,
  surveyEmbeddedJournal,
} from "../journals/index.ts";
import { headerLine } from "./backup-archive.ts";

export interface BackupReport {
  readonly journalId: string;
  readonly files: number;
  readonly bytes: number;
  readonly records: number;
}

const TRIES_MAX = 5;
const pieceBytes = 1024 * 1024;

/**
 * @throws TROUPE_JOURNAL_CORRUPT for a journal that is damaged; TROUPE_OPTION_INVALID when the file is there, or
 * cannot be where it was asked for; TROUPE_FILE_REFUSED when it may not be written, or has no room.
 */
export async function backupJournal(directory: string, file: string): Promise<BackupReport> {
  const draft = `${file}.${randomUUID()}.partial`;
  const output = await writing(file, () => open(draft, "wx", 0o600));
  try {
    const report = await write(directory, output, file);
    await writing(file, () => publish(draft, file));
    return report;
  } finally {
    await output.close();
    await rm(draft, { force: true });
  }
}

async function publish(draft: string, file: string): Promise<void> {
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const expected = "a file that is not there yet";
    throw new TroupeError("TROUPE_OPTION_INVALID", { option: "file", expected, got: file });
  }
  await nodeFileSystem.syncDirectory(dirname(file));
}

/** A refusal is told of the file that was asked for: the draft beside it is nobody's business. */
async function writing<T>(file: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const expected = "a path in a folder that is there";
    throw refusedFile(error, { path: file, wanted: "written", option: "file", expected });
  }
}

async function write(directory: string, output: FileHandle, file: string): Promise<BackupReport> {
  for (let attempt = 1; ; attempt++) {
    try {
      await writing(file, () => output.truncate());
      return await writeOnce(directory, new HashedOutput(output, file));
    } catch (error) {
      // A cut has removed a file before it was copied: begin anew with what is there now.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt >= TRIES_MAX) {
        throw refusedFile(error, readingWish(directory));
      }
    }
  }
}

async function writeOnce(directory: string, sink: HashedOutput): Promise<BackupReport> {
  const { journalId, shards, files, damages } = await surveyEmbeddedJournal(directory);
  const [damage] = damages;
  if (damage !== undefined) throw new TroupeError("TROUPE_JOURNAL_CORRUPT", damage);
  const kept = files.map((one) => ({ ...one, bytes: one.bytes - one.openBytes }));
  const list = kept.map(({ base, bytes }) => ({ base, bytes }));
  const madeAt = new Date().toISOString();
  await sink.write(headerLine({ journalId, shards, madeAt, files: list }));
  for (const one of kept) await copy(one, sink);
  await sink.end();
  const sum = (pick: (file: SurveyedFile) => number): number =>
    kept.reduce((total, one) => total + pick(one), 0);
  const bytes = sum((one) => one.bytes);
  return { journalId, files: kept.length, bytes, records: sum((one) => one.records) };
}

async function copy({ path, bytes }: SurveyedFile, sink: HashedOutput): Promise<void> {
  const input = await open(path, "r");
  try {
    for (let at = 0; at < bytes; ) {
      const piece = Buffer.allocUnsafe(Math.min(pieceBytes, bytes - at));
      const { bytesRead } = await input.read(piece, 0, piece.length, at);
      if (bytesRead === 0) {
        const problem = "the file has become shorter while it was copied";
        throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where: path, problem });
      }
      await sink.write(piece.subarray(0, bytesRead));
      at += bytesRead;
    }
  } finally {
    await input.close();
  }
}

class HashedOutput {
  readonly #output: FileHandle;
  readonly #file: string;
  #at = 0;
  readonly #hash: Hash = createHash("sha256");

  constructor(output: FileHandle, file: string) {
    this.#output = output;
    this.#file = file;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    await this.#put(bytes);
  }

  async end(): Promise<void> {
    await this.#put(this.#hash.digest());
    await writing(this.#file, () => this.#output.sync());
  }

  async #put(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await writing(this.#file, () =>
        this.#output.write(bytes, done, bytes.length - done, this.#at),
      );
      done += bytesWritten;
      this.#at += bytesWritten;
    }
  }
}
