/**
 * The port for bytes that are too large for the journal. There are two kinds, told apart by their key:
 *
 *   content   `sha256/<64 hex digits>`: whole, immutable, named by what is in it (artifacts, caches);
 *   appended  any other key, such as `logs/<run>/<job>.1`: grows at its end (job logs).
 *
 *  B1. A content blob is there whole and right, or not at all. Who puts the same content twice
 *      stores it once.
 *  B2. A put or append that has resolved outlives a crash of any process, and, with a folder, a power cut.
 *  B3. A put that names its upload may be interrupted at any byte: the next one with that name goes
 *      on from what was kept. The whole is checked again before it counts.
 *  B4. An append names the offset it expects; at any other one nothing is written, so of two
 *      writers one is refused.
 *  B5. Nothing is held in memory whole: a store needs some MiB per transfer, whatever the blob's size.
 */

/** Opens the bytes from `offset` on. Called at most once a put; not at all where the blob is there already. */
export type BlobSource = (offset: number) => AsyncIterable<Uint8Array>;

export interface PutOptions {
  /** SHA-256 that the content must have, 64 lower-case hex digits; else `TROUPE_BLOB_MISMATCH`. */
  readonly sha256?: string;
  /**
   * Makes the put resumable: any name of up to `limits.blobNameCharactersMax` characters that its
   * owner alone uses. A second put of the same upload waits for the first to end.
   */
  readonly upload?: string;
  /**
   * Takes all bytes from the source also where the content is there already: who puts it shows that he has it. By
   * default its hash is enough.
   */
  readonly whole?: boolean;
  /** Default and at most `limits.blobBytesMax`; above it `TROUPE_BLOB_TOO_LARGE`. */
  readonly bytesMax?: number;
}

export interface BlobStat {
  readonly key: string;
  readonly bytes: number;
  /** When it was put, or last appended to, by the store's clock. */
  readonly changedAtMs: number;
}

export interface ContentBlob {
  /** `sha256/` and the hash. */
  readonly key: string;
  readonly sha256: string;
  readonly bytes: number;
}

/** Which bytes: from `offset` (default 0), at most `length` (default: all that follow). */
export interface BlobRange {
  readonly offset?: number;
  readonly length?: number;
}

export interface BlobStore {
  /** Stores what `source` yields. Rejects with the source's own error; an upload keeps what came before it. */
  put(source: BlobSource, options?: PutOptions): Promise<ContentBlob>;
  /** Adds `data` at `offset`, which must be the blob's end (`TROUPE_BLOB_GAP`); 0 makes it. Resolves to the new end. */
  append(key: string, offset: number, data: Uint8Array): Promise<number>;
  /**
   * Makes the file at `path` the whole of the blob `key`, by moving it; only where the store keeps files. False: it cannot be
   * moved there, or the blob is there already; then the file is where it was.
   */
  adopt?(key: string, path: string): Promise<boolean>;
  /** Yields pieces of up to some hundred KiB; throws `TROUPE_BLOB_NOT_FOUND`. A range beyond the end is cut to it. */
  get(key: string, range?: BlobRange): AsyncIterable<Uint8Array>;
  /** undefined = there is no such blob. */
  stat(key: string): Promise<BlobStat | undefined>;
  /** Deleting what is not there is no error. What is deleted is gone: nothing of it can be read again. */
  delete(key: string): Promise<void>;
  /** Every blob whose key begins with `prefix`, in no promised order. */
  list(prefix?: string): AsyncIterable<BlobStat>;
  /** Forgets uploads that were last added to before `beforeMs`. Resolves to how many. */
  dropUploads(beforeMs: number): Promise<number>;
  close(): Promise<void>;
}
