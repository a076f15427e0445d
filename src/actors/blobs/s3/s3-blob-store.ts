/** Blobs on a server that speaks S3: shared by all servers of a cluster. */
import { S3Client } from "@aws-sdk/client-s3";
import { TroupeError } from "../../kernel/index.ts";
import { checkAppendedKey, checkKey, contentKey, isContentKey } from "../blob-key.ts";
import type {
  BlobRange,
  BlobSource,
  BlobStat,
  BlobStore,
  ContentBlob,
  PutOptions,
} from "../blob-store.ts";
import { S3Appended } from "./s3-appended.ts";
import { S3Objects } from "./s3-objects.ts";
import { S3Uploads } from "./s3-uploads.ts";

export interface S3BlobStoreOptions {
  readonly bucket: string;
  /** Before every object's name, so that systems can share a bucket. Default none. */
  readonly prefix?: string;
  /** URL of a server other than Amazon's. */
  readonly endpoint?: string;
  /** Default `us-east-1`, which other servers ignore. */
  readonly region?: string;
  /** Default: where the AWS SDK looks (environment, files, the machine's role). */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string };
  /** Of large content, bytes. Default 8 MiB, at least 5 MiB: S3 takes no smaller ones. */
  readonly partBytes?: number;
}

const partBytesMin = 5 * 1024 * 1024;
const partBytesDefault = 8 * 1024 * 1024;
/** As many connections as the SDK opens at most; two tries after the first ride out a lost one. */
const attemptsMax = 3;

export class S3BlobStore implements BlobStore {
  readonly #objects: S3Objects;
  readonly #uploads: S3Uploads;
  readonly #appended: S3Appended;

  constructor(options: S3BlobStoreOptions) {
    const { bucket, prefix = "", endpoint, region = "us-east-1", credentials } = options;
    const partBytes = options.partBytes ?? partBytesDefault;
    if (!(partBytes >= partBytesMin)) {
      const expected = `at least ${partBytesMin} bytes`;
      const details = { option: "partBytes", expected, got: String(partBytes) };
      throw new TroupeError("TROUPE_OPTION_INVALID", details);
    }
    const client = new S3Client({
      region,
      maxAttempts: attemptsMax,
      // Servers that are not Amazon's know no trailing checksums; TLS and our hashes guard the bytes.
      requestChecksumCalculation: "WHEN_REQUIRED",
      responseChecksumValidation: "WHEN_REQUIRED",
      ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
      ...(credentials !== undefined && { credentials }),
    });
    const at = prefix === "" || prefix.endsWith("/") ? prefix : `${prefix}/`;
    this.#objects = new S3Objects({ client, bucket, prefix: at });
    this.#uploads = new S3Uploads(this.#objects, partBytes);
    this.#appended = new S3Appended(this.#objects);
  }

  async put(source: BlobSource, options: PutOptions = {}): Promise<ContentBlob> {
    const { sha256, whole = false } = options;
    if (sha256 !== undefined && !whole) {
      const there = await this.stat(contentKey(sha256));
      if (there !== undefined) return { key: there.key, sha256, bytes: there.bytes };
    }
    return this.#uploads.put(source, options);
  }

  async append(key: string, offset: number, data: Uint8Array): Promise<number> {
    checkAppendedKey(key);
    return this.#appended.append(key, offset, data);
  }

  async *get(key: string, { offset = 0, length }: BlobRange = {}): AsyncGenerator<Uint8Array> {
    checkKey(key);
    const bytes = length ?? Number.POSITIVE_INFINITY;
    if (bytes <= 0) {
      if ((await this.stat(key)) === undefined) throw notFound(key);
      return;
    }
    const data = isContentKey(key)
      ? await this.#objects.get(key, offset, bytes)
      : await this.#appended.read(key, offset, bytes);
    if (data === undefined) throw notFound(key);
    const pieces = data[Symbol.asyncIterator]();
    for (;;) {
      const next = await this.#objects.trying(`get ${key}`, () => pieces.next());
      if (next.done === true) return;
      yield next.value;
    }
  }

  async stat(key: string): Promise<BlobStat | undefined> {
    checkKey(key);
    if (!isContentKey(key)) return this.#appended.stat(key);
    const found = await this.#objects.head(key);
    return found && { key, bytes: found.bytes, changedAtMs: found.changedAtMs };
  }

  async delete(key: string): Promise<void> {
    checkKey(key);
    if (isContentKey(key)) await this.#objects.delete(key);
    else await this.#appended.delete(key);
  }

  async *list(prefix = ""): AsyncGenerator<BlobStat> {
    const content = "sha256/";
    if (content.startsWith(prefix) || prefix.startsWith(content)) {
      const longer = prefix.length > content.length ? prefix : content;
      for await (const { name, bytes, changedAtMs } of this.#objects.list(longer)) {
        if (isContentKey(name)) yield { key: name, bytes, changedAtMs };
      }
    }
    yield* this.#appended.list(prefix);
  }

  dropUploads(beforeMs: number): Promise<number> {
    return this.#uploads.drop(beforeMs);
  }

  async close(): Promise<void> {
    await Promise.all([this.#uploads.idle(), this.#appended.idle()]);
    this.#objects.client.destroy();
  }
}

function notFound(key: string): TroupeError {
  return new TroupeError("TROUPE_BLOB_NOT_FOUND", { key });
}
