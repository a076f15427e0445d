/**
 * The bytes of the log. A segment file is a row of batches and nothing else:
 *
 *   batch  = header (64 bytes) + body          one write, one sync
 *   header = magic 4 · version 1 · kind 1 · zero 2 · journalId 16 · session 8 · number 8 ·
 *            durable 8 · body length 4 · record count 4 · CRC-32 of the body 4 ·
 *            CRC-32 of the 60 bytes before it 4
 *   body   = records, in a `data` batch; one summary of fixed size in the other kinds
 *   record = length 4 · shard 2 · mark 2 · the bytes
 *
 * Numbers are little-endian. A position is the place of a record's header, counted from the
 * first byte of the first segment ever. This format is final; it may only grow by version.
 *
 * `session` and `number` tell a writer which batch is its own when another process wrote too.
 * `durable` is a position: its writer had seen all valid batches before it reach the device.
 * That one number tells a write that never finished from damage (see `scan.ts`).
 */
import { crc32 } from "node:zlib";
import type { Position } from "../../journal.ts";

export const batchHeaderBytes = 64;
export const recordHeaderBytes = 8;

const magic = Uint8Array.of(0x89, 0x54, 0x4a, 0x42);
const formatVersion = 1;
const recordMark = 0x5254;

/**
 * `data` holds records. `roll` ends a segment and sums it up. `cut` tells what may be dropped.
 * `seal` is empty: its `durable` vouches for the last batch before a close.
 */
export type BatchKind = "data" | "roll" | "cut" | "seal";
const kinds: readonly BatchKind[] = ["data", "roll", "cut", "seal"];

export interface BatchHeader {
  readonly kind: BatchKind;
  /** 16 hex digits, random, one for each time a journal is opened. */
  readonly session: string;
  /** Grows with every batch that the same session writes. */
  readonly number: number;
  readonly durable: Position;
  readonly bodyBytes: number;
  readonly records: number;
  readonly bodyCrc: number;
}

/** The 64 bytes that stand before a body. */
export function encodeBatchHeader(journalId: string, header: BatchHeader): Buffer {
  const bytes = Buffer.alloc(batchHeaderBytes);
  bytes.set(magic, 0);
  bytes.writeUInt8(formatVersion, 4);
  bytes.writeUInt8(kinds.indexOf(header.kind) + 1, 5);
  bytes.write(journalId, 8, 16, "hex");
  bytes.write(header.session, 24, 8, "hex");
  bytes.writeBigUInt64LE(BigInt(header.number), 32);
  bytes.writeBigUInt64LE(BigInt(header.durable), 40);
  bytes.writeUInt32LE(header.bodyBytes, 48);
  bytes.writeUInt32LE(header.records, 52);
  bytes.writeUInt32LE(header.bodyCrc, 56);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 60)), 60);
  return bytes;
}

/** The header that stands at `offset`, or undefined when none of this journal does. */
export function decodeBatchHeader(
  bytes: Buffer,
  offset: number,
  journalId: string,
): BatchHeader | undefined {
  if (offset + batchHeaderBytes > bytes.length) return undefined;
  if (magic.some((byte, index) => bytes[offset + index] !== byte)) return undefined;
  const stored = bytes.readUInt32LE(offset + 60);
  if (crc32(bytes.subarray(offset, offset + 60)) !== stored) return undefined;
  if (bytes.toString("hex", offset + 8, offset + 24) !== journalId) return undefined;
  const kind = kinds[bytes.readUInt8(offset + 5) - 1];
  if (kind === undefined || bytes.readUInt8(offset + 4) !== formatVersion) return undefined;
  return {
    kind,
    session: bytes.toString("hex", offset + 24, offset + 32),
    number: Number(bytes.readBigUInt64LE(offset + 32)),
    durable: Number(bytes.readBigUInt64LE(offset + 40)),
    bodyBytes: bytes.readUInt32LE(offset + 48),
    records: bytes.readUInt32LE(offset + 52),
    bodyCrc: bytes.readUInt32LE(offset + 56),
  };
}

/**
 * The version of a sound header that a newer program wrote; undefined for anything else. Of every later version, magic,
 * version and the header's checksum stay where they are.
 */
export function newerVersionOf(bytes: Buffer): number | undefined {
  if (magic.some((byte, index) => bytes[index] !== byte)) return undefined;
  const version = bytes.readUInt8(4);
  const isSound = crc32(bytes.subarray(0, 60)) === bytes.readUInt32LE(60);
  return isSound && version > formatVersion ? version : undefined;
}

/** Where the next header may begin at or after `offset`; -1 when nowhere. */
export function findBatchMagic(bytes: Buffer, offset: number): number {
  return bytes.indexOf(magic, offset);
}

export function encodeRecordHeader(into: Buffer, offset: number, shard: number, length: number) {
  into.writeUInt32LE(length, offset);
  into.writeUInt16LE(shard, offset + 4);
  into.writeUInt16LE(recordMark, offset + 6);
}

export interface RecordHeader {
  readonly length: number;
  readonly shard: number;
}

/** The record header at `offset`; undefined when no record begins there. */
export function decodeRecordHeader(bytes: Buffer, offset: number): RecordHeader | undefined {
  if (offset + recordHeaderBytes > bytes.length) return undefined;
  if (bytes.readUInt16LE(offset + 6) !== recordMark) return undefined;
  return { length: bytes.readUInt32LE(offset), shard: bytes.readUInt16LE(offset + 4) };
}

/** Calls back for each record of a body; false when the body is not made of whole records. */
export function eachRecord(
  body: Buffer,
  records: number,
  onRecord: (shard: number, offset: number, length: number) => void,
): boolean {
  let offset = 0;
  for (let index = 0; index < records; index++) {
    const record = decodeRecordHeader(body, offset);
    if (record === undefined) return false;
    onRecord(record.shard, offset, record.length);
    offset += recordHeaderBytes + record.length;
  }
  return offset === body.length;
}
