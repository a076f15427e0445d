/**
 * Blobs in a folder: for one server, or for several where the folder is a shared volume. Plain files;
 * nothing is answered before it is synced.
 */
import { type FileHandle, open, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { reasonOf, systemRandom, TroupeError } from "../../kernel/index.ts";
import { checkAppendedKey, contentKey } from "../blob-key.ts";
import type {
  BlobRange,
  BlobSource,
  BlobStat,
  BlobStore,
  ContentBlob,
  PutOptions,
} from "../blob-store.ts";
import { ContentCheck } from "../content-check.ts";
import { TurnByKey } from "../turn-by-key.ts";
import { BlobPaths } from "./blob-paths.ts";
import { adoptFile, isNoSuchFile, moveInto, openLasting, writeAll } from "./durable-files.ts";

export interface FolderBlobStoreOptions {
  /** Made when the first blob is written. */
  readonly directory: string;
}

/** What `get` reads at once, and what is read back of a resumed upload. */
const pieceBytesMax = 256 * 1024;

export class FolderBlobStore implements BlobStore {
  readonly #directory: string;
  readonly #paths: BlobPaths;
  readonly #turns = new TurnByKey();

  constructor({ directory }: FolderBlobStoreOptions) {
    this.#directory = directory;
    this.#paths = new BlobPaths(directory);
  }

  async put(source: BlobSource, options: PutOptions = {}): Promise<ContentBlob> {
    const { sha256, upload, whole = false } = options;
    if (sha256 !== undefined && !whole) {
      const there = await this.stat(contentKey(sha256));
      if (there !== undefined) return { key: there.key, sha256, bytes: there.bytes };
    }
    if (upload === undefined) {
      const path = this.#paths.ofUpload(systemRandom.uuid());
      try {
        return await this.#put(path, source, options);
      } finally {
        await rm(path, { force: true });
      }
    }
    const path = this.#paths.ofUpload(upload);
    return this.#turns.run(path, () => this.#put(path, source, options));
  }

  async append(key: string, offset: number, data: Uint8Array): Promise<number> {
    checkAppendedKey(key);
    const path = this.#paths.of(key);
    return this.#turns.run(path, () =>
      this.#trying(`append to ${key}`, async () => {
        const file = offset === 0 ? await openLasting(path) : await openThere(path);
        try {
          const end = file === undefined ? 0 : (await file.stat()).size;
          if (file === undefined || end !== offset) {
            throw new TroupeError("TROUPE_BLOB_GAP", { key, end, gotOffset: offset });
          }
          await writeAll(file, data, offset);
          await file.datasync();
          return offset + data.byteLength;
        } finally {
          await file?.close();
        }
      }),
    );
  }

  async adopt(key: string, path: string): Promise<boolean> {
    checkAppendedKey(key);
    const own = this.#paths.of(key);
    return this.#turns.run(own, () => this.#trying(`adopt ${key}`, () => adoptFile(path, own)));
  }

  async *get(key: string, { offset = 0, length }: BlobRange = {}): AsyncGenerator<Uint8Array> {
    const file = await this.#trying(`read ${key}`, () => openThere(this.#paths.of(key), "r"));
    if (file === undefined) throw new TroupeError("TROUPE_BLOB_NOT_FOUND", { key });
    try {
      const end = length === undefined ? Number.POSITIVE_INFINITY : offset + length;
      let position = offset;
      while (position < end) {
        const buffer = Buffer.allocUnsafe(Math.min(pieceBytesMax, end - position));
        const at = position;
        const { bytesRead } = await this.#trying(`read ${key}`, () =>
          file.read(buffer, 0, buffer.byteLength, at),
        );
        if (bytesRead === 0) return;
        position += bytesRead;
        yield buffer.subarray(0, bytesRead);
      }
    } finally {
      await file.close();
    }
  }

  async stat(key: string): Promise<BlobStat | undefined> {
    const path = this.#paths.of(key);
    return this.#trying(`look at ${key}`, () => statOf(key, path));
  }

  async delete(key: string): Promise<void> {
    const path = this.#paths.of(key);
    await this.#turns.run(path, () =>
      this.#trying(`delete ${key}`, () => rm(path, { force: true })),
    );
  }

  async *list(prefix = ""): AsyncGenerator<BlobStat> {
    for (const kind of ["content", "appended"] as const) {
      for await (const parts of filesBelow(this.#paths[kind])) {
        const key = this.#paths.keyOf(kind, parts);
        if (key === undefined || !key.startsWith(prefix)) continue;
        const found = await statOf(key, join(this.#paths[kind], ...parts));
        // It may have been deleted since its folder was read.
        if (found !== undefined) yield found;
      }
    }
  }

  async dropUploads(beforeMs: number): Promise<number> {
    let dropped = 0;
    for await (const parts of filesBelow(this.#paths.uploads)) {
      const path = join(this.#paths.uploads, ...parts);
      const found = await statOf("", path);
      if (found === undefined || found.changedAtMs >= beforeMs) continue;
      await rm(path, { force: true });
      dropped++;
    }
    return dropped;
  }

  async close(): Promise<void> {
    await this.#turns.idle();
  }

  async #put(path: string, source: BlobSource, options: PutOptions): Promise<ContentBlob> {
    const check = new ContentCheck(options);
    const file = await this.#trying("put", () => openLasting(path));
    let blob: ContentBlob;
    try {
      await this.#trying("read an upload", () => addStored(file, check));
      for await (const data of source(check.bytes)) {
        const at = check.bytes;
        check.add(data);
        await this.#trying("put", () => writeAll(file, data, at));
      }
      blob = check.finish();
      await this.#trying("put", () => file.datasync());
    } catch (error) {
      // What was kept is not the beginning of anything that may be stored.
      if (isHopeless(error)) await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
    await this.#trying("put", () => moveInto(path, this.#paths.of(blob.key)));
    return blob;
  }

  async #trying<T>(operation: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof TroupeError) throw cause;
      const details = { store: this.#directory, operation, reason: reasonOf(cause) };
      throw new TroupeError("TROUPE_BLOB_STORE_UNAVAILABLE", details, { cause });
    }
  }
}

function isHopeless(error: unknown): boolean {
  if (!(error instanceof TroupeError)) return false;
  return error.code === "TROUPE_BLOB_MISMATCH" || error.code === "TROUPE_BLOB_TOO_LARGE";
}

async function addStored(file: FileHandle, check: ContentCheck): Promise<void> {
  const buffer = Buffer.allocUnsafe(pieceBytesMax);
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, check.bytes);
    if (bytesRead === 0) return;
    check.add(buffer.subarray(0, bytesRead));
  }
}

/** undefined = there is no such file. */
async function openThere(path: string, flags: "r" | "r+" = "r+"): Promise<FileHandle | undefined> {
  try {
    return await open(path, flags);
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}

async function statOf(key: string, path: string): Promise<BlobStat | undefined> {
  try {
    const { size, mtimeMs } = await stat(path);
    return { key, bytes: size, changedAtMs: mtimeMs };
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}

/** The paths of all files below, as parts; none where there is no folder. */
async function* filesBelow(path: string, above: readonly string[] = []): AsyncGenerator<string[]> {
  let entries: Awaited<ReturnType<typeof readFolder>>;
  try {
    entries = await readFolder(path);
  } catch (error) {
    if (isNoSuchFile(error)) return;
    throw error;
  }
  for (const entry of entries) {
    const parts = [...above, entry.name];
    if (entry.isDirectory()) yield* filesBelow(join(path, entry.name), parts);
    else if (entry.isFile()) yield parts;
  }
}

function readFolder(path: string) {
  return readdir(path, { withFileTypes: true });
}
