/**
 * Makes a journal out of a backup, in a folder that holds nothing.
 *
 *  R1. The copy is another journal, with an id of its own: it goes its own way from here, and must never take the
 *      snapshots of the original for its own, nor the other way round. All positions stay as they were.
 *  R2. The journal's folder appears whole and synced, or not at all.
 */
import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, rename, rm } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { TroupeError } from "../../kernel/index.ts";
import { FrameReader, renameJournal } from "../frame.ts";
import {
  metadataFile,
  metadataText,
  nodeFileSystem,
  refusedFile,
  reidentifiedSegment,
  segmentName,
} from "../journals/index.ts";
import { type BackupHeader, type OpenBackup, openBackup, unusable } from "./backup-archive.ts";

export interface RestoreReport {
  /** Where the journal is now. */
  readonly directory: string;
  /** New. */
  readonly journalId: string;
  readonly original: BackupHeader;
}

/**
 * Restores into `folder/name`. Fails with `TROUPE_OPTION_INVALID` unless `folder` is empty or missing, and
 * with `TROUPE_BACKUP_UNUSABLE` when the backup is not whole or is of a newer format; with `TROUPE_FILE_REFUSED` when
 * the one may not be read, or the other not written.
 */
export async function restoreJournal(
  file: string,
  folder: string,
  name: string,
): Promise<RestoreReport> {
  const backup = await openBackup(file);
  try {
    return await restore(backup, { file, folder, name });
  } catch (error) {
    throw refusedFile(error, { path: folder, wanted: "written", option: "folder", expected });
  } finally {
    await backup.handle.close();
  }
}

async function restore(
  backup: OpenBackup,
  { file, folder, name }: { readonly file: string; readonly folder: string; readonly name: string },
): Promise<RestoreReport> {
  await mustBeEmpty(folder);
  await nodeFileSystem.makeDirectory(folder);
  const directory = join(resolve(folder), name);
  const draft = `${directory}.restoring`;
  await mkdir(draft);
  try {
    const journalId = randomBytes(16).toString("hex");
    await writeSegments(backup, { file, draft, journalId });
    await rename(draft, directory);
    await nodeFileSystem.syncDirectory(dirname(directory));
    return { directory, journalId, original: backup.header };
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

const expected = "a folder that is empty or not there yet";

async function mustBeEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (names.length === 0) return;
  const got = `${folder}, which holds ${names.slice(0, 3).join(", ")}${names.length > 3 ? ", …" : ""}`;
  throw new TroupeError("TROUPE_OPTION_INVALID", { option: "folder", expected, got });
}

async function writeSegments(
  { header, start, handle }: OpenBackup,
  to: { readonly file: string; readonly draft: string; readonly journalId: string },
): Promise<void> {
  const { journalId: from, shards } = header;
  const readers = Array.from({ length: shards }, (_, shard) => new FrameReader(from, shard));
  const renameRecord = (record: Buffer, shard: number): void => {
    const frame = readers[shard]?.read(record);
    if (frame === "newer-version") {
      throw unusable(to.file, "it holds frames of a newer version: use a newer program");
    }
    if (frame !== undefined && typeof frame !== "string") renameJournal(frame, to.journalId);
  };
  let at = start;
  let numberMax = 0;
  for (const { base, bytes } of header.files) {
    const offset = at;
    const input = {
      read: async (into: Uint8Array, place: number): Promise<number> =>
        (await handle.read(into, 0, into.byteLength, offset + place)).bytesRead,
    };
    const path = `${to.file}, ${segmentName(base)}`;
    const segment = await reidentifiedSegment(
      { file: input, path, base, bytes, numberMax },
      { from, to: to.journalId, renameRecord },
    );
    ({ numberMax } = segment);
    await writeSynced(join(to.draft, segmentName(base)), segment.bytes);
    at += bytes;
  }
  const metadata = metadataText({ journalId: to.journalId, shards });
  await writeSynced(join(to.draft, metadataFile), Buffer.from(metadata));
  await nodeFileSystem.syncDirectory(to.draft);
}

async function writeSynced(path: string, bytes: Buffer): Promise<void> {
  const output = await open(path, "wx", 0o644);
  try {
    await output.writeFile(bytes);
    await output.sync();
  } finally {
    await output.close();
  }
}
