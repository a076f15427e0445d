/**
 * The unacknowledged bytes of one attempt's log: appended at one end, forgotten at the other, read
 * anywhere between, as often as a new link needs it.
 * Boundary: knows nothing of links, windows or jobs; the caller asks `hasRoom` and stops the job's pipe.
 *
 *   S1. Bytes [acknowledged, end) can be read at any time, unchanged.
 *   S2. They lie in blocks; one is filled before the next is begun, so a slow trickle costs no more than
 *       a flood. The first are small, as most logs are; a log that goes on gets blocks of a whole chunk.
 *   S3. A full block stays in memory while memory has room; else it goes to a segment file. A
 *       segment is deleted as a whole once all of its blocks are acknowledged.
 *   S4. `append` never fails and never drops: if the disk takes no more, blocks stay in memory,
 *       `hasRoom` says no, and the pipe's own bound (64 KiB) is all that can still come.
 *   S5. A few blocks whose bytes are all acknowledged are filled again: new ones would keep the garbage collector
 *       busy. A piece that was read from one and waits in a stream changes then, which nobody sees: the server
 *       ignores bytes that it has.
 *
 * File access is synchronous on purpose: it happens only while a link is down or slow, in pieces
 * of a block into the page cache, and it keeps S1 free of races.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { basename, join } from "node:path";
import { agentLimits } from "./limits.ts";

export interface LogSpoolOptions {
  /** Where segment files go; made when the first is needed. */
  readonly folder: string;
  readonly memoryBytesMax?: number;
  readonly spoolBytesMax?: number;
  readonly segmentBytes?: number;
  readonly blockBytesMax?: number;
  /** Told once per trouble, when the disk refuses bytes. */
  readonly onDiskError?: (error: Error) => void;
}

/** Where unacknowledged bytes are on disk, in their order. */
export interface StoredLog {
  readonly acknowledged: number;
  readonly end: number;
  readonly blocks: readonly {
    readonly offset: number;
    readonly length: number;
    readonly file: string;
    readonly position: number;
  }[];
}

interface Block {
  readonly offset: number;
  readonly capacity: number;
  length: number;
  /** In memory, or in a segment file. */
  at: Buffer | { readonly segment: Segment; readonly position: number };
}

interface Segment {
  readonly path: string;
  readonly descriptor: number;
  bytes: number;
  blocks: number;
}

function openSegment(path: string): Segment {
  const descriptor = openSync(path, "r");
  return { path, descriptor, bytes: fstatSync(descriptor).size, blocks: 0 };
}

/** At its end. If that fails the place is used again. */
function writeAll(segment: Segment, bytes: Buffer): void {
  let written = 0;
  while (written < bytes.length) {
    const left = bytes.length - written;
    written += writeSync(segment.descriptor, bytes, written, left, segment.bytes + written);
  }
  segment.bytes += bytes.length;
}

const blockBytesMin = 64 * 1024;
/** Of S5. What is acknowledged at once, at a flood, is about as much. */
const spareBlocksMax = 4;

export class LogSpool {
  readonly #folder: string;
  readonly #memoryBytesMax: number;
  readonly #spoolBytesMax: number;
  readonly #segmentBytes: number;
  readonly #blockBytesMax: number;
  readonly #onDiskError: (error: Error) => void;
  readonly #blocks: Block[] = [];
  readonly #spare: Buffer[] = [];
  #memoryBytes = 0;
  #segment: Segment | undefined;
  #segmentsMade = 0;
  #diskRefuses = false;
  #acknowledged = 0;
  #end = 0;
  #isStored = false;

  constructor(options: LogSpoolOptions) {
    this.#folder = options.folder;
    this.#memoryBytesMax = options.memoryBytesMax ?? agentLimits.logMemoryBytesMax;
    this.#spoolBytesMax = options.spoolBytesMax ?? agentLimits.logSpoolBytesMax;
    this.#segmentBytes = options.segmentBytes ?? agentLimits.logSegmentBytes;
    this.#blockBytesMax = options.blockBytesMax ?? agentLimits.logChunkBytesMax;
    this.#onDiskError = options.onDiskError ?? (() => {});
  }

  get acknowledged(): number {
    return this.#acknowledged;
  }

  get end(): number {
    return this.#end;
  }

  /** False: stop appending until acknowledgements come. */
  get hasRoom(): boolean {
    return !this.#diskRefuses && this.#end - this.#acknowledged < this.#spoolBytesMax;
  }

  append(bytes: Uint8Array): void {
    let taken = 0;
    while (taken < bytes.length) {
      const block = this.#openBlock();
      const piece = bytes.subarray(taken, taken + block.capacity - block.length);
      (block.at as Buffer).set(piece, block.length);
      block.length += piece.length;
      taken += piece.length;
      this.#end += piece.length;
      if (block.length === block.capacity) this.#settle(block);
    }
  }

  /** Up to `bytesMax` bytes from `offset`, which lies in [acknowledged, end]; fewer at a block's border. */
  read(offset: number, bytesMax: number): Buffer {
    const block = this.#blocks[this.#indexOf(offset)];
    if (block === undefined) return Buffer.alloc(0);
    const from = offset - block.offset;
    const length = Math.min(bytesMax, block.length - from);
    if (Buffer.isBuffer(block.at)) return block.at.subarray(from, from + length);
    const bytes = Buffer.allocUnsafe(length);
    const { segment, position } = block.at;
    let read = 0;
    while (read < length) {
      const count = readSync(
        segment.descriptor,
        bytes,
        read,
        length - read,
        position + from + read,
      );
      if (count === 0) throw new Error(`the log spool ${segment.path} was cut by someone else`);
      read += count;
    }
    return bytes;
  }

  /** Bytes below `offset` are stored elsewhere. What is below an earlier call or beyond the end is ignored. */
  acknowledge(offset: number): void {
    if (offset > this.#end || offset <= this.#acknowledged) return;
    this.#acknowledged = offset;
    let done = this.#indexOf(offset);
    // The block that is being filled has room left: it stays.
    const last = this.#blocks[done - 1];
    if (last !== undefined && last.length < last.capacity) done--;
    for (const block of this.#blocks.splice(0, done)) this.#free(block);
    this.#diskRefuses = false;
  }

  /**
   * Writes what is in memory to a file of its own, and tells where all is; from now on no file is removed.
   * Throws the disk's error.
   */
  store(): StoredLog {
    this.#isStored = true;
    const blocks: StoredLog["blocks"][number][] = [];
    let tail: Segment | undefined;
    for (const { offset, length, at } of this.#blocks) {
      if (offset + length <= this.#acknowledged) continue;
      if (!Buffer.isBuffer(at)) {
        blocks.push({ offset, length, file: basename(at.segment.path), position: at.position });
        continue;
      }
      tail ??= this.#newSegment("tail.log");
      blocks.push({ offset, length, file: "tail.log", position: tail.bytes });
      writeAll(tail, at.subarray(0, length));
    }
    if (tail !== undefined) closeSync(tail.descriptor);
    return { acknowledged: this.#acknowledged, end: this.#end, blocks };
  }

  /**
   * The bytes that an earlier process stored; there will be no more. Throws if some are missing.
   */
  static restore(folder: string, stored: StoredLog): LogSpool {
    const spool = new LogSpool({ folder });
    spool.#isStored = true;
    spool.#acknowledged = stored.acknowledged;
    const segments = new Map<string, Segment>();
    for (const { offset, length, file, position } of stored.blocks) {
      const path = join(folder, basename(file));
      const segment = segments.get(path) ?? openSegment(path);
      segments.set(path, segment);
      const expected = spool.#blocks.at(-1);
      const follows = expected === undefined || expected.offset + expected.length === offset;
      if (!follows || position + length > segment.bytes) throw new Error(`${path} is not complete`);
      segment.blocks++;
      spool.#blocks.push({ offset, capacity: length, length, at: { segment, position } });
    }
    spool.#end = stored.end;
    return spool;
  }

  /** Closes its files and leaves them. */
  release(): void {
    const segments = this.#blocks.flatMap(({ at }) => (Buffer.isBuffer(at) ? [] : [at.segment]));
    const present = this.#segment === undefined ? [] : [this.#segment];
    for (const { descriptor } of new Set([...segments, ...present])) closeSync(descriptor);
    this.#blocks.length = 0;
    this.#segment = undefined;
  }

  /** Forgets all and removes its files, unless they were stored. */
  close(): void {
    for (const block of this.#blocks.splice(0)) this.#free(block);
    this.#dropSegment(this.#segment);
    this.#segment = undefined;
    this.#spare.length = 0;
    this.#acknowledged = this.#end;
  }

  #openBlock(): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.length < last.capacity) return last;
    // As long as all before it together, so that later ones begin at multiples of their size.
    const capacity = Math.min(Math.max(this.#end, blockBytesMin), this.#blockBytesMax);
    const spare = capacity === this.#blockBytesMax ? this.#spare.pop() : undefined;
    const at = spare ?? Buffer.allocUnsafeSlow(capacity);
    const block: Block = { offset: this.#end, capacity, length: 0, at };
    this.#blocks.push(block);
    this.#memoryBytes += capacity;
    return block;
  }

  /** A full block: leave it in memory, or move it to disk (S3, S4). */
  #settle(block: Block): void {
    if (this.#memoryBytes <= this.#memoryBytesMax || !Buffer.isBuffer(block.at)) return;
    try {
      const segment = this.#openSegment();
      const position = segment.bytes;
      writeAll(segment, block.at);
      segment.blocks++;
      block.at = { segment, position };
      this.#memoryBytes -= block.capacity;
    } catch (error) {
      if (!this.#diskRefuses) this.#onDiskError(error as Error);
      this.#diskRefuses = true;
    }
  }

  #openSegment(): Segment {
    if (this.#segment !== undefined && this.#segment.bytes < this.#segmentBytes) {
      return this.#segment;
    }
    this.#segment = this.#newSegment(`${++this.#segmentsMade}.log`);
    return this.#segment;
  }

  #newSegment(name: string): Segment {
    mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
    const path = join(this.#folder, name);
    return { path, descriptor: openSync(path, "w+", 0o600), bytes: 0, blocks: 0 };
  }

  #free(block: Block): void {
    if (Buffer.isBuffer(block.at)) {
      this.#memoryBytes -= block.capacity;
      const isLarge = block.capacity === this.#blockBytesMax;
      if (isLarge && this.#spare.length < spareBlocksMax) this.#spare.push(block.at);
      return;
    }
    const { segment } = block.at;
    segment.blocks--;
    if (segment.blocks > 0 || (segment === this.#segment && !this.#isFull(segment))) return;
    this.#dropSegment(segment);
    if (segment === this.#segment) this.#segment = undefined;
  }

  #isFull(segment: Segment): boolean {
    return segment.bytes >= this.#segmentBytes;
  }

  #dropSegment(segment: Segment | undefined): void {
    if (segment === undefined) return;
    closeSync(segment.descriptor);
    if (!this.#isStored) rmSync(segment.path, { force: true });
  }

  /** The block that holds `offset`; the number of blocks if none does. */
  #indexOf(offset: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const block = this.#blocks[middle] as Block;
      if (block.offset + block.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
