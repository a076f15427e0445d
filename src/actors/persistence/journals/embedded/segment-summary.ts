/**
 * What is known of a segment without its index: for each shard the number of records, the offset
 * of the first and the last, and where the last ends. A `roll` batch stores it, together with the
 * low marks of the journal, so that opening a journal reads a few kilobytes of each full segment
 * instead of all of it. A `cut` batch stores the low marks alone.
 *
 *   cut  = low mark 8 for each shard
 *   roll = low mark 8 for each shard · four columns of 4 for each shard (count, first, last, end) ·
 *          8: the place in the file up to which all of that is complete
 *
 * A roll whose place is not its own comes after a batch of another process that it does not
 * count; such a segment is read whole.
 */
export class SegmentSummary {
  readonly shards: number;
  readonly count: Uint32Array;
  readonly first: Uint32Array;
  readonly last: Uint32Array;
  readonly end: Uint32Array;

  constructor(shards: number) {
    this.shards = shards;
    this.count = new Uint32Array(shards);
    this.first = new Uint32Array(shards);
    this.last = new Uint32Array(shards);
    this.end = new Uint32Array(shards);
  }

  add(shard: number, offset: number, end: number): void {
    const count = this.count[shard] ?? 0;
    if (count === 0) this.first[shard] = offset;
    this.count[shard] = count + 1;
    this.last[shard] = offset;
    this.end[shard] = end;
  }
}

const markBytes = 8;
const shardSummaryBytes = 16;
const completeToBytes = 8;

/** Size of a `cut` body. */
export function marksBytes(shards: number): number {
  return shards * markBytes;
}

/** Size of a `roll` body. */
export function rollBytes(shards: number): number {
  return shards * (markBytes + shardSummaryBytes) + completeToBytes;
}

/** How many shards the body of a `cut` or `roll` tells of. */
export function shardsTold(kind: "cut" | "roll", body: Buffer): number {
  if (kind === "cut") return body.length / markBytes;
  return (body.length - completeToBytes) / (markBytes + shardSummaryBytes);
}

export function encodeMarks(lows: Float64Array): Buffer {
  const body = Buffer.alloc(marksBytes(lows.length));
  for (const [shard, low] of lows.entries()) body.writeBigUInt64LE(BigInt(low), shard * markBytes);
  return body;
}

/** Raises the marks to those of a `cut` or `roll` body; low marks never fall. */
export function mergeMarks(body: Buffer, into: Float64Array): void {
  for (const [shard, low] of into.entries()) {
    into[shard] = Math.max(low, Number(body.readBigUInt64LE(shard * markBytes)));
  }
}

/** The body of a roll that is expected to begin at `completeTo` in its file. */
export function encodeRoll(
  lows: Float64Array,
  summary: SegmentSummary,
  completeTo: number,
): Buffer {
  const parts = [encodeMarks(lows)];
  for (const column of [summary.count, summary.first, summary.last, summary.end]) {
    const bytes = Buffer.alloc(column.length * 4);
    for (const [shard, value] of column.entries()) bytes.writeUInt32LE(value, shard * 4);
    parts.push(bytes);
  }
  const place = Buffer.alloc(completeToBytes);
  place.writeBigUInt64LE(BigInt(completeTo));
  return Buffer.concat([...parts, place]);
}

export function rollCompleteTo(body: Buffer): number {
  return Number(body.readBigUInt64LE(body.length - completeToBytes));
}

export function decodeRollSummary(body: Buffer, shards: number): SegmentSummary {
  const summary = new SegmentSummary(shards);
  let offset = marksBytes(shards);
  for (const column of [summary.count, summary.first, summary.last, summary.end]) {
    for (let shard = 0; shard < shards; shard++, offset += 4) {
      column[shard] = body.readUInt32LE(offset);
    }
  }
  return summary;
}
