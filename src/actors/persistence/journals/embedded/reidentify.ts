/**
 * Rewrites the bytes of a segment as those of another journal: the id stands in the header of every batch and of every
 * frame, under three checksums. No length changes, so every position stays what it was.
 */
import { crc32 } from "node:zlib";
import type { Position } from "../../journal.ts";
import { batchHeaderBytes, eachRecord, encodeBatchHeader, recordHeaderBytes } from "./batch.ts";
import type { LogFile } from "./file-system.ts";
import { type ScannedBatch, scanSegment } from "./scan.ts";

export interface OldSegment {
  readonly file: Pick<LogFile, "read">;
  /** Named in errors. */
  readonly path: string;
  readonly base: Position;
  readonly bytes: number;
  readonly numberMax: number;
}

export interface NewIdentity {
  readonly from: string;
  readonly to: string;
  /** Gives the bytes of one record their new id, in place. */
  readonly renameRecord: (record: Buffer, shard: number) => void;
}

/**
 * The segment's bytes under the new id. What was no batch becomes zeros.
 * @throws TROUPE_JOURNAL_CORRUPT on damage.
 */
export async function reidentifiedSegment(
  old: OldSegment,
  identity: NewIdentity,
): Promise<{ readonly bytes: Buffer; readonly numberMax: number }> {
  const bytes = Buffer.alloc(old.bytes);
  let { numberMax } = old;
  const { path, base, file } = old;
  await scanSegment({
    file,
    path,
    base,
    journalId: identity.from,
    from: 0,
    to: old.bytes,
    numberMax,
    onBatch: (batch) => {
      writeBatch(bytes, batch, identity);
      numberMax = Math.max(numberMax, batch.header.number);
    },
  });
  return { bytes, numberMax };
}

function writeBatch(
  into: Buffer,
  { header, offset, body }: ScannedBatch,
  { to, renameRecord }: NewIdentity,
): void {
  const copy = into.subarray(
    offset + batchHeaderBytes,
    offset + batchHeaderBytes + header.bodyBytes,
  );
  body.copy(copy);
  if (header.kind === "data") {
    eachRecord(copy, header.records, (shard, at, length) => {
      const start = at + recordHeaderBytes;
      renameRecord(copy.subarray(start, start + length), shard);
    });
  }
  encodeBatchHeader(to, { ...header, bodyCrc: crc32(copy) }).copy(into, offset);
}
