/**
 * Content on its way into an S3 server. What fits into one part is put under its hash at once; more goes,
 * part by part, under a name of its own, and is copied to its hash when it is whole and right.
 * An interrupted upload keeps its full parts: the server knows them, so any process can go on.
 */

import { createHash } from "node:crypto";
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsOutput,
  type ListMultipartUploadsRequest,
  ListPartsCommand,
  type ListPartsOutput,
  type Part,
  UploadPartCommand,
} from "@aws-sdk/client-s3";
import { systemRandom, TroupeError } from "../../kernel/index.ts";
import type { BlobSource, ContentBlob, PutOptions } from "../blob-store.ts";
import { ContentCheck } from "../content-check.ts";
import { TurnByKey } from "../turn-by-key.ts";
import { isStatus, type S3Objects } from "./s3-objects.ts";

const uploadsPrefix = "uploads/";

/** A multipart upload under way. */
interface Upload {
  readonly name: string;
  readonly uploadId: string;
  readonly parts: CompletedPart[];
  bytes: number;
}

interface UploadUnderWay {
  readonly name: string;
  readonly uploadId: string;
  readonly initiatedMs: number;
}

export class S3Uploads {
  readonly #objects: S3Objects;
  readonly #partBytes: number;
  readonly #turns = new TurnByKey();

  constructor(objects: S3Objects, partBytes: number) {
    this.#objects = objects;
    this.#partBytes = partBytes;
  }

  async put(source: BlobSource, options: PutOptions): Promise<ContentBlob> {
    if (options.upload === undefined) {
      const name = uploadsPrefix + systemRandom.uuid();
      return this.#put(name, source, options);
    }
    const name = uploadsPrefix + createHash("sha256").update(options.upload).digest("hex");
    return this.#turns.run(name, async () =>
      this.#put(name, source, options, await this.#find(name)),
    );
  }

  async drop(beforeMs: number): Promise<number> {
    let dropped = 0;
    for (const { name, uploadId, initiatedMs } of await this.#underWay(uploadsPrefix)) {
      if (initiatedMs >= beforeMs) continue;
      const parts = await this.#partsOf(name, uploadId);
      if ((parts.at(-1)?.LastModified?.getTime() ?? 0) >= beforeMs) continue;
      await this.#abort(name, uploadId);
      dropped++;
    }
    // Whole, but never copied to its hash: its process died between the two.
    for await (const { name, changedAtMs } of this.#objects.list(uploadsPrefix)) {
      if (changedAtMs >= beforeMs) continue;
      await this.#objects.delete(name);
      dropped++;
    }
    return dropped;
  }

  idle(): Promise<void> {
    return this.#turns.idle();
  }

  async #put(
    name: string,
    source: BlobSource,
    options: PutOptions,
    earlier?: Upload,
  ): Promise<ContentBlob> {
    let upload = earlier;
    const resumedAt = earlier?.bytes ?? 0;
    const check = new ContentCheck(options);
    try {
      for await (const part of partsOf(source(resumedAt), this.#partBytes, check)) {
        if (upload === undefined && part.byteLength < this.#partBytes) {
          return await this.#putSmall(part, check);
        }
        upload ??= await this.#begin(name);
        await this.#addPart(upload, part);
      }
      if (upload === undefined) return await this.#putSmall(Buffer.alloc(0), check);
      return resumedAt === 0
        ? await this.#finish(upload, check.finish())
        : await this.#finishResumed(upload, options);
    } catch (error) {
      const kept = options.upload !== undefined && !isHopeless(error);
      if (upload !== undefined && !kept) await this.#abort(name, upload.uploadId);
      throw error;
    }
  }

  async #putSmall(data: Uint8Array, check: ContentCheck): Promise<ContentBlob> {
    const blob = check.finish();
    await this.#objects.put(blob.key, data);
    return blob;
  }

  async #finish({ name, uploadId, parts }: Upload, blob: ContentBlob): Promise<ContentBlob> {
    await this.#objects.complete(name, uploadId, parts);
    try {
      await this.#objects.copy(name, blob.key);
    } finally {
      await this.#objects.delete(name);
    }
    return blob;
  }

  /** No process has seen all of it, and parts cannot be read back before they are one. */
  async #finishResumed({ name, uploadId, parts }: Upload, of: PutOptions): Promise<ContentBlob> {
    const check = new ContentCheck(of);
    await this.#objects.complete(name, uploadId, parts);
    try {
      const stored = await this.#objects.get(name, 0, Number.POSITIVE_INFINITY);
      for await (const data of stored ?? []) check.add(data);
      const blob = check.finish();
      await this.#objects.copy(name, blob.key);
      return blob;
    } finally {
      await this.#objects.delete(name);
    }
  }

  async #begin(name: string): Promise<Upload> {
    return { name, uploadId: await this.#objects.begin(name), parts: [], bytes: 0 };
  }

  async #addPart(upload: Upload, body: Uint8Array): Promise<void> {
    const { name, uploadId, parts } = upload;
    const number = parts.length + 1;
    const { client, bucket } = this.#objects;
    const { ETag } = await this.#objects.trying(`put part ${number} of ${name}`, () =>
      client.send(
        new UploadPartCommand({
          Bucket: bucket,
          Key: this.#objects.keyOf(name),
          UploadId: uploadId,
          PartNumber: number,
          Body: body,
        }),
      ),
    );
    parts.push({ PartNumber: number, ...(ETag !== undefined && { ETag }) });
    upload.bytes += body.byteLength;
  }

  /** What an earlier put of this name left, as far as it has no hole. */
  async #find(name: string): Promise<Upload | undefined> {
    const found = (await this.#underWay(name)).at(-1);
    if (found === undefined) return undefined;
    const upload: Upload = { name, uploadId: found.uploadId, parts: [], bytes: 0 };
    for (const { PartNumber, ETag, Size = 0 } of await this.#partsOf(name, found.uploadId)) {
      // A short part was the last one: the source ended, so its put is told the same bytes again.
      if (PartNumber !== upload.parts.length + 1 || Size !== this.#partBytes) break;
      upload.parts.push({ PartNumber, ...(ETag !== undefined && { ETag }) });
      upload.bytes += Size;
    }
    return upload;
  }

  async #underWay(prefix: string): Promise<UploadUnderWay[]> {
    const { client, bucket } = this.#objects;
    const found: UploadUnderWay[] = [];
    const start = this.#objects.keyOf("").length;
    let marker: Pick<ListMultipartUploadsRequest, "KeyMarker" | "UploadIdMarker"> | undefined = {};
    while (marker !== undefined) {
      const query: ListMultipartUploadsRequest = {
        Bucket: bucket,
        Prefix: this.#objects.keyOf(prefix),
        ...marker,
      };
      const page: ListMultipartUploadsOutput = await this.#objects.trying(
        `list uploads ${prefix}`,
        () => client.send(new ListMultipartUploadsCommand(query)),
      );
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key === undefined || UploadId === undefined) continue;
        const initiatedMs = Initiated?.getTime() ?? 0;
        found.push({ name: Key.slice(start), uploadId: UploadId, initiatedMs });
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page;
      marker =
        IsTruncated === true && NextKeyMarker !== undefined
          ? { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker }
          : undefined;
    }
    return found;
  }

  async #partsOf(name: string, uploadId: string): Promise<Part[]> {
    const { client, bucket } = this.#objects;
    const parts: Part[] = [];
    let marker: string | undefined;
    do {
      const query = { Bucket: bucket, Key: this.#objects.keyOf(name), UploadId: uploadId };
      const page: ListPartsOutput = await this.#objects.trying(`list parts of ${name}`, () =>
        client.send(
          new ListPartsCommand({
            ...query,
            ...(marker !== undefined && { PartNumberMarker: marker }),
          }),
        ),
      );
      parts.push(...(page.Parts ?? []));
      marker = page.IsTruncated === true ? page.NextPartNumberMarker : undefined;
    } while (marker !== undefined);
    return parts;
  }

  async #abort(name: string, uploadId: string): Promise<void> {
    const { client, bucket } = this.#objects;
    const query = { Bucket: bucket, Key: this.#objects.keyOf(name), UploadId: uploadId };
    await this.#objects.trying(`abort ${name}`, async () => {
      try {
        await client.send(new AbortMultipartUploadCommand(query));
      } catch (error) {
        // It was completed, or aborted, before.
        if (!isStatus(error, 404)) throw error;
      }
    });
  }
}

function isHopeless(error: unknown): boolean {
  if (!(error instanceof TroupeError)) return false;
  return error.code === "TROUPE_BLOB_MISMATCH" || error.code === "TROUPE_BLOB_TOO_LARGE";
}

/** The bytes in pieces of exactly `partBytes`, but for the last. Each is the receiver's to keep. */
async function* partsOf(
  data: AsyncIterable<Uint8Array>,
  partBytes: number,
  check: ContentCheck,
): AsyncGenerator<Uint8Array> {
  let part = Buffer.allocUnsafeSlow(partBytes);
  let filled = 0;
  for await (const piece of data) {
    check.add(piece);
    for (let taken = 0; taken < piece.byteLength; ) {
      const count = Math.min(piece.byteLength - taken, partBytes - filled);
      part.set(piece.subarray(taken, taken + count), filled);
      taken += count;
      filled += count;
      if (filled < partBytes) continue;
      yield part;
      part = Buffer.allocUnsafeSlow(partBytes);
      filled = 0;
    }
  }
  if (filled > 0) yield part.subarray(0, filled);
}
