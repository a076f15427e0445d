/**
 * The few calls that the embedded journal makes of a file system, so that a test can put one
 * underneath that loses power, fills up or fails a sync. Sizes and offsets are in bytes.
 * Errors are Node's: an `Error` with a `code` such as `ENOSPC`.
 */

export interface LogFile {
  /**
   * Adds the parts at the file's end as one write, wherever other processes have moved that end. When it answers,
   * these bytes, and the size that is needed to read them, are on the device; nothing is said of bytes that others
   * wrote. Returns the bytes taken; fewer than given is a short write. Only in mode `append`.
   */
  append(parts: readonly Uint8Array[]): Promise<number>;
  /** Writes over bytes that are already there; returns the bytes taken. Only in mode `rewrite`. */
  rewrite(bytes: Uint8Array, offset: number): Promise<number>;
  /** Fills `into` from `offset`; returns the bytes read, fewer only at the file's end. */
  read(into: Uint8Array, offset: number): Promise<number>;
  size(): Promise<number>;
  /** All of the file's data, whoever wrote it, and its size where that is needed to read the data, are on the device. */
  syncData(): Promise<void>;
  /** As `syncData`, and all that the file system knows of the file. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** `append` creates the file when it is missing; the other modes fail with `ENOENT`. */
export type OpenMode = "append" | "rewrite" | "read";

export interface FileSystem {
  /** Makes the folder and its parents, durably. No effect when it is there. */
  makeDirectory(path: string): Promise<void>;
  /** The names of the entries of a folder, in no order. */
  list(directory: string): Promise<readonly string[]>;
  open(path: string, mode: OpenMode): Promise<LogFile>;
  readWhole(path: string): Promise<Uint8Array>;
  /** A file that appears whole and durable or not at all, and never replaces another. */
  createWhole(path: string, bytes: Uint8Array): Promise<"created" | "exists">;
  remove(path: string): Promise<void>;
  /** Creations and removals in this folder so far are on the device. */
  syncDirectory(path: string): Promise<void>;
  /** Room left for this process on the folder's device. */
  freeBytes(path: string): Promise<number>;
}

/** The `code` of a file system's error, such as `ENOENT`; an empty string for anything else. */
export function errorCode(error: unknown): string {
  if (typeof error !== "object" || error === null || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
