/** The few calls of an S3 server that the blob store needs, in its words and with its errors. */
import {
  type CompletedPart,
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from "@aws-sdk/client-s3";
import { reasonOf, TroupeError } from "../../kernel/index.ts";

export interface S3Object {
  readonly name: string;
  readonly bytes: number;
  readonly changedAtMs: number;
}

export interface S3Place {
  readonly client: S3Client;
  readonly bucket: string;
  /** Before every name: ends with `/`, or is empty. */
  readonly prefix: string;
}

export class S3Objects {
  readonly client: S3Client;
  readonly bucket: string;
  readonly #prefix: string;

  constructor({ client, bucket, prefix }: S3Place) {
    this.client = client;
    this.bucket = bucket;
    this.#prefix = prefix;
  }

  /** As the server knows it. */
  keyOf(name: string): string {
    return this.#prefix + name;
  }

  /** With `fresh` only where there is none yet; false = there was one. */
  async put(name: string, body: Uint8Array, { fresh = false } = {}): Promise<boolean> {
    const condition = fresh ? { IfNoneMatch: "*" } : {};
    return this.trying(`put ${name}`, async () => {
      try {
        await this.client.send(
          new PutObjectCommand({ ...this.#at(name), Body: body, ...condition }),
        );
        return true;
      } catch (error) {
        // 409: another one is being put at this very moment.
        if (fresh && isStatus(error, 412, 409)) return false;
        throw error;
      }
    });
  }

  /** undefined = there is none. Bytes beyond the end are not there; none at all are an empty answer. */
  async get(
    name: string,
    offset: number,
    length: number,
  ): Promise<AsyncIterable<Uint8Array> | undefined> {
    const last = Number.isFinite(length) ? offset + length - 1 : "";
    return this.trying(`get ${name}`, async () => {
      try {
        const range = offset === 0 && last === "" ? {} : { Range: `bytes=${offset}-${last}` };
        const { Body } = await this.client.send(
          new GetObjectCommand({ ...this.#at(name), ...range }),
        );
        return (Body ?? []) as AsyncIterable<Uint8Array>;
      } catch (error) {
        if (isStatus(error, 416)) return nothing();
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    });
  }

  async head(name: string): Promise<S3Object | undefined> {
    return this.trying(`look at ${name}`, async () => {
      try {
        const { ContentLength = 0, LastModified } = await this.client.send(
          new HeadObjectCommand(this.#at(name)),
        );
        return { name, bytes: ContentLength, changedAtMs: LastModified?.getTime() ?? 0 };
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    });
  }

  async delete(name: string): Promise<void> {
    await this.trying(`delete ${name}`, () =>
      this.client.send(new DeleteObjectCommand(this.#at(name))),
    );
  }

  async copy(from: string, to: string): Promise<void> {
    const source = encodeURI(`${this.bucket}/${this.keyOf(from)}`);
    await this.trying(`copy ${from}`, () =>
      this.client.send(new CopyObjectCommand({ ...this.#at(to), CopySource: source })),
    );
  }

  /** In the order of their names; those behind `after` only. */
  async *list(namePrefix: string, after?: string): AsyncGenerator<S3Object> {
    let token: string | undefined;
    do {
      const page = await this.trying(`list ${namePrefix}`, () =>
        this.client.send(
          new ListObjectsV2Command({
            Bucket: this.bucket,
            Prefix: this.keyOf(namePrefix),
            ...(after !== undefined && { StartAfter: this.keyOf(after) }),
            ...(token !== undefined && { ContinuationToken: token }),
          }),
        ),
      );
      for (const { Key, Size = 0, LastModified } of page.Contents ?? []) {
        if (Key === undefined) continue;
        const name = Key.slice(this.#prefix.length);
        yield { name, bytes: Size, changedAtMs: LastModified?.getTime() ?? 0 };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async begin(name: string): Promise<string> {
    return this.trying(`begin ${name}`, async () => {
      const { UploadId } = await this.client.send(new CreateMultipartUploadCommand(this.#at(name)));
      if (UploadId === undefined) throw new Error("the server gave no upload id");
      return UploadId;
    });
  }

  async complete(name: string, uploadId: string, parts: readonly CompletedPart[]): Promise<void> {
    await this.trying(`complete ${name}`, () =>
      this.client.send(
        new CompleteMultipartUploadCommand({
          ...this.#at(name),
          UploadId: uploadId,
          MultipartUpload: { Parts: [...parts] },
        }),
      ),
    );
  }

  async trying<T>(operation: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      if (cause instanceof TroupeError) throw cause;
      const details = { store: `s3://${this.bucket}`, operation, reason: reasonOf(cause) };
      throw new TroupeError("TROUPE_BLOB_STORE_UNAVAILABLE", details, { cause });
    }
  }

  #at(name: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: this.keyOf(name) };
  }
}

export function isStatus(error: unknown, ...statuses: readonly number[]): boolean {
  if (!(error instanceof S3ServiceException)) return false;
  return statuses.includes(error.$metadata.httpStatusCode ?? 0);
}

async function* nothing(): AsyncGenerator<Uint8Array> {}
