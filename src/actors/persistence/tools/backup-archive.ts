/**
 * The file of a backup: one line of JSON that says what follows, the bytes of the journal's files one after the other,
 * and the SHA-256 (32 bytes) of everything before it.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { reasonOf, TroupeError } from "../../kernel/index.ts";
import type { Position } from "../journal.ts";
import { refusedFile } from "../journals/index.ts";

const format = "troupe-journal-backup";
/** Raised when an older program could not restore what a newer one has backed up. */
const formatVersion = 1;
export const digestBytes = 32;
const headerBytesMax = 16 * 1024 * 1024;
const pieceBytes = 1024 * 1024;

export interface BackupHeader {
  readonly journalId: string;
  readonly shards: number;
  readonly madeAt: string;
  readonly files: readonly { readonly base: Position; readonly bytes: number }[];
}

export function headerLine(header: BackupHeader): Buffer {
  return Buffer.from(`${JSON.stringify({ format, formatVersion, ...header })}\n`);
}

/** A backup that is whole: its length and its checksum are right. */
export interface OpenBackup {
  readonly header: BackupHeader;
  /** Where the first file begins. */
  readonly start: number;
  readonly handle: FileHandle;
}

/** Reads all of it once. @throws TROUPE_BACKUP_UNUSABLE; TROUPE_FILE_REFUSED when it may not be read. */
export async function openBackup(path: string): Promise<OpenBackup> {
  try {
    return await openWhole(path);
  } catch (error) {
    const expected = "the file of a backup";
    throw refusedFile(error, { path, wanted: "read", option: "file", expected });
  }
}

async function openWhole(path: string): Promise<OpenBackup> {
  const handle = await open(path, "r");
  try {
    const { header, start } = await readHeader(handle, path);
    const end = header.files.reduce((sum, { bytes }) => sum + bytes, start);
    const { size } = await handle.stat();
    if (size !== end + digestBytes) {
      throw unusable(path, `it has ${size} bytes and should have ${end + digestBytes}`);
    }
    const digest = await digestOf(handle, end);
    const stored = await pieceAt(handle, end, digestBytes);
    if (!digest.equals(stored)) throw unusable(path, "its checksum is wrong: bytes of it changed");
    return { header, start, handle };
  } catch (error) {
    await handle.close();
    throw error;
  }
}

async function readHeader(
  handle: FileHandle,
  path: string,
): Promise<Pick<OpenBackup, "header" | "start">> {
  let bytes = Buffer.alloc(0);
  let end = -1;
  while (end < 0 && bytes.length < headerBytesMax) {
    const more = await pieceAt(handle, bytes.length, pieceBytes);
    if (more.length === 0) break;
    bytes = Buffer.concat([bytes, more]);
    end = bytes.indexOf("\n");
  }
  const text = bytes.subarray(0, Math.max(0, end)).toString("utf8");
  const fields = parse(path, text);
  if (fields.format !== format) throw unusable(path, `it is no ${format}`);
  if (Number(fields.formatVersion) > formatVersion) {
    throw unusable(
      path,
      `it has format version ${Number(fields.formatVersion)}, and this program knows ${formatVersion}: use a newer one`,
    );
  }
  return { header: fields, start: end + 1 };
}

type Parsed = BackupHeader & Partial<Record<"format" | "formatVersion", unknown>>;

function parse(path: string, text: string): Parsed {
  try {
    return JSON.parse(text) as Parsed;
  } catch (error) {
    throw unusable(path, `it does not begin as a ${format} does (${reasonOf(error)})`);
  }
}

async function digestOf(handle: FileHandle, end: number): Promise<Buffer> {
  const hash = createHash("sha256");
  for (let at = 0; at < end; ) {
    const piece = await pieceAt(handle, at, Math.min(pieceBytes, end - at));
    if (piece.length === 0) break;
    hash.update(piece);
    at += piece.length;
  }
  return hash.digest();
}

async function pieceAt(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
  const piece = Buffer.allocUnsafe(bytes);
  const { bytesRead } = await handle.read(piece, 0, bytes, at);
  return piece.subarray(0, bytesRead);
}

export function unusable(file: string, problem: string): TroupeError {
  return new TroupeError("TROUPE_BACKUP_UNUSABLE", { file, problem });
}
