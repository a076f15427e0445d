/**
 * Open files, a bounded number of them. What is in use stays open; above the bound the one unused
 * for longest is closed, and where all are in use the next user waits.
 *
 *  D1. At most `openMax` descriptors are open or being opened.
 *  D2. A descriptor is closed only when nobody uses it.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";

interface OpenFile {
  readonly file: Promise<FileHandle>;
  users: number;
}

export interface UseOptions {
  /** Make the file, and its folder, if it is not there. */
  readonly create: boolean;
}

export class DescriptorCache {
  readonly #openMax: number;
  /** In the order of last use: a Map keeps the order of insertion. */
  readonly #files = new Map<string, OpenFile>();
  readonly #waiting: (() => void)[] = [];

  constructor(openMax: number) {
    this.#openMax = openMax;
  }

  /** Runs `body` with the file open for reading and writing; undefined = there is no such file. */
  async use<T>(
    path: string,
    options: UseOptions,
    body: (file: FileHandle) => Promise<T>,
  ): Promise<T | undefined> {
    for (;;) {
      const entry = await this.#acquire(path, options);
      try {
        const file = await fileOf(entry);
        if (file !== undefined) return await body(file);
        if (!options.create) return undefined;
        // Somebody who only reads had it opened, and it was not there: once more, and make it.
      } finally {
        entry.users--;
        this.#waiting.shift()?.();
      }
    }
  }

  /** The file will be deleted: its space comes back when those who use it now are done. */
  async drop(path: string): Promise<void> {
    const entry = this.#files.get(path);
    if (entry === undefined || entry.users > 0) return;
    this.#files.delete(path);
    await closeFile(entry);
  }

  async close(): Promise<void> {
    const files = [...this.#files.values()];
    this.#files.clear();
    await Promise.all(files.map(closeFile));
  }

  async #acquire(path: string, options: UseOptions): Promise<OpenFile> {
    for (;;) {
      const known = this.#files.get(path);
      if (known !== undefined) {
        this.#files.delete(path);
        this.#files.set(path, known);
        known.users++;
        return known;
      }
      if (this.#files.size < this.#openMax) return this.#open(path, options);
      await this.#makeRoom();
    }
  }

  #open(path: string, options: UseOptions): OpenFile {
    const entry: OpenFile = { file: openFile(path, options), users: 1 };
    this.#files.set(path, entry);
    entry.file.catch(() => {
      if (this.#files.get(path) === entry) this.#files.delete(path);
    });
    return entry;
  }

  async #makeRoom(): Promise<void> {
    for (const [path, entry] of this.#files) {
      if (entry.users > 0) continue;
      this.#files.delete(path);
      return closeFile(entry);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

/** undefined = there is no such file. */
async function fileOf(entry: OpenFile): Promise<FileHandle | undefined> {
  try {
    return await entry.file;
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}

async function closeFile(entry: OpenFile): Promise<void> {
  // A file that could not be opened has told its users so.
  const file = await entry.file.catch(() => undefined);
  await file?.close();
}

async function openFile(path: string, { create }: UseOptions): Promise<FileHandle> {
  if (!create) return open(path, constants.O_RDWR);
  const flags = constants.O_RDWR | constants.O_CREAT;
  try {
    return await open(path, flags, 0o600);
  } catch (error) {
    if (!isNoSuchFile(error)) throw error;
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return open(path, flags, 0o600);
  }
}

export function isNoSuchFile(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT";
}
