/**
 * Lays records out as the parts of one write. Small records are copied together into a buffer
 * that is used again for the next batch (one is in flight at a time); large ones go out from
 * where they are. So the parts stay far below the 1,024 that a system takes in one call: more
 * would be written in several calls, and another process could write in between.
 */
import { crc32 } from "node:zlib";
import type { AppendRequest } from "../../journal.ts";
import { type BatchKind, encodeRecordHeader, recordHeaderBytes } from "./batch.ts";

const copiedBytesMax = 64 * 1024;

/** A batch that waits for its header. */
export interface Batch {
  readonly kind: BatchKind;
  readonly records: readonly AppendRequest[];
  readonly bodyParts: readonly Uint8Array[];
  readonly bodyBytes: number;
  readonly bodyCrc: number;
}

/** A batch of another kind than `data`. */
export function plainBatch(kind: BatchKind, body: Uint8Array): Batch {
  const bodyParts = body.byteLength === 0 ? [] : [body];
  return { kind, records: [], bodyParts, bodyBytes: body.byteLength, bodyCrc: crc32(body) };
}

/** Room that a record takes in a batch. */
export function recordBytes(request: AppendRequest): number {
  return recordHeaderBytes + request.bytes.byteLength;
}

export class BatchBuffer {
  #buffer = Buffer.allocUnsafeSlow(copiedBytesMax);

  /** Valid until the next call; the records' bytes must not change before the write is done. */
  dataBatch(records: readonly AppendRequest[]): Batch {
    this.#reserve(records);
    const bodyParts: Uint8Array[] = [];
    let partStart = 0;
    let used = 0;
    let bodyBytes = 0;
    for (const { shard, bytes } of records) {
      encodeRecordHeader(this.#buffer, used, shard, bytes.byteLength);
      used += recordHeaderBytes;
      bodyBytes += recordHeaderBytes + bytes.byteLength;
      if (bytes.byteLength <= copiedBytesMax) {
        this.#buffer.set(bytes, used);
        used += bytes.byteLength;
      } else {
        bodyParts.push(this.#buffer.subarray(partStart, used), bytes);
        partStart = used;
      }
    }
    if (used > partStart) bodyParts.push(this.#buffer.subarray(partStart, used));
    let bodyCrc = 0;
    for (const part of bodyParts) bodyCrc = crc32(part, bodyCrc);
    return { kind: "data", records, bodyParts, bodyBytes, bodyCrc };
  }

  #reserve(records: readonly AppendRequest[]): void {
    let bytes = 0;
    for (const record of records) {
      const copied = record.bytes.byteLength <= copiedBytesMax;
      bytes += recordHeaderBytes + (copied ? record.bytes.byteLength : 0);
    }
    if (bytes > this.#buffer.length) {
      this.#buffer = Buffer.allocUnsafeSlow(2 ** Math.ceil(Math.log2(bytes)));
    }
  }
}
