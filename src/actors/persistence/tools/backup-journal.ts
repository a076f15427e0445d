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
import { nodeFileSystem, type SurveyedFile, surveyEmbeddedJournal } from "../journals/index.ts";
import { headerLine } from "./backup-archive.ts";

export interface BackupReport {
  readonly journalId: string;
  readonly files: number;
  readonly bytes: number;
  readonly records: number;
}

const TRIES_MAX = 5;
const pieceBytes = 1024 * 1024;

/** @throws TROUPE_JOURNAL_CORRUPT for a journal that is damaged; TROUPE_OPTION_INVALID when the file is there. */
export async function backupJournal(directory: string, file: string): Promise<BackupReport> {
  const draft = `${file}.${randomUUID()}.partial`;
  try {
    const report = await write(directory, draft);
    await link(draft, file);
    await nodeFileSystem.syncDirectory(dirname(file));
    return report;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    const expected = "a file that is not there yet";
    throw new TroupeError("TROUPE_OPTION_INVALID", { option: "file", expected, got: file });
  } finally {
    await rm(draft, { force: true });
  }
}

async function write(directory: string, draft: string): Promise<BackupReport> {
  for (let attempt = 1; ; attempt++) {
    const output = await open(draft, "w", 0o600);
    try {
      return await writeOnce(directory, output);
    } catch (error) {
      // A cut has removed a file before it was copied: begin anew with what is there now.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT" || attempt >= TRIES_MAX) throw error;
    } finally {
      await output.close();
    }
  }
}

async function writeOnce(directory: string, output: FileHandle): Promise<BackupReport> {
  const { journalId, shards, files, damages } = await surveyEmbeddedJournal(directory);
  const [damage] = damages;
  if (damage !== undefined) throw new TroupeError("TROUPE_JOURNAL_CORRUPT", damage);
  const kept = files.map((one) => ({ ...one, bytes: one.bytes - one.openBytes }));
  const list = kept.map(({ base, bytes }) => ({ base, bytes }));
  const sink = new HashedOutput(output);
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
  readonly #hash: Hash = createHash("sha256");

  constructor(output: FileHandle) {
    this.#output = output;
  }

  async write(bytes: Buffer): Promise<void> {
    this.#hash.update(bytes);
    await this.#output.writeFile(bytes);
  }

  async end(): Promise<void> {
    await this.#output.writeFile(this.#hash.digest());
    await this.#output.sync();
  }
}
