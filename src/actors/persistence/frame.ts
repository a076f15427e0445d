/**
 * The frame: one record of the journal, and one group commit. This layout is final; it may only
 * grow by version. All numbers are little-endian; i64 holds integers within ±2^53.
 *
 *   offset  size  field
 *        0     4  magic "TRPF"
 *        4     1  version, 1
 *        5     1  kind: 1 claim, 2 data, 3 checkpoint
 *        6     2  header length H in bytes = 80 + length of the writer's name
 *        8     4  length of the whole frame in bytes, the checksum included
 *       12     4  shard
 *       16    16  journal id
 *       32     4  count of events (data) or entries (checkpoint); 0 in a claim
 *       36     4  zero
 *       40     8  term            i64  number of the claim; the next claim's is higher
 *       48     8  nonce           i64  random, tells two claims of one term apart
 *       56     8  seq             i64  0 = the claim itself, then 1, 2, 3 … without a hole
 *       64     8  checkpoint      i64  position of the newest checkpoint whose end the writer saw confirmed, -1 = none
 *       72     8  view            i64  number of the cluster's view under which the writer claimed
 *       80   H-80 writer          UTF-8 name of the writing node
 *        H     …  body: events (`event-codec.ts`) or a part of a checkpoint (`checkpoint-codec.ts`)
 *      end-4   4  CRC-32 of every byte before it
 *
 * Of every later version, magic, version, length and the checksum's place stay as they are, so that an
 * older reader can tell "newer than I am" from "damaged".
 *
 * Boundary: bytes in, fields out, and back. Whether a frame counts is decided in `replay-rule.ts`.
 */
import { crc32 } from "node:zlib";
import { type BodyCheck, checkpointBodyIsSound } from "./checkpoint-codec.ts";
import { eventsAreSound } from "./event-codec.ts";
import { readInt64, writeInt64 } from "./int64.ts";
import type { Position } from "./journal.ts";

const MAGIC = 0x46_50_52_54; // "TRPF", read as a little-endian number
const VERSION = 1;
const HEADER_BYTES = 80;
const CHECKSUM_BYTES = 4;
const NODE_BYTES_MAX = 255;

const kindNumbers = { claim: 1, data: 2, checkpoint: 3 } as const;
const kindNames = [undefined, "claim", "data", "checkpoint"] as const;

export type FrameKind = keyof typeof kindNumbers;

/** What one writer puts into every frame of one shard. */
export interface FrameIdentity {
  /** 32 hex digits. */
  readonly journalId: string;
  readonly shard: number;
  /** At most 255 bytes of UTF-8; longer names are cut. */
  readonly node: string;
}

/** What changes from frame to frame. */
export interface FrameNumbers {
  readonly kind: FrameKind;
  readonly term: number;
  readonly nonce: number;
  readonly seq: number;
  /** -1 = none. */
  readonly confirmedCheckpoint: Position;
  readonly clusterView: number;
}

export interface Frame extends FrameNumbers {
  readonly node: string;
  readonly count: number;
  readonly bytes: Buffer;
  readonly view: DataView;
  readonly bodyStart: number;
  readonly bodyEnd: number;
}

/**
 * Why bytes are not a frame of this shard.
 * `not-a-frame`: no magic. `damaged`: the checksum or the structure is wrong.
 * `newer-version`: sound, but written by a newer program. `foreign`: of another journal or shard.
 */
export type FrameFault = "not-a-frame" | "damaged" | "newer-version" | "foreign";

/** Collects one frame in a buffer that is used again for the next one, once nobody needs the first any more. */
export class FrameWriter {
  /** Body encoders write here, at `offset`, after `ensure`. */
  bytes: Buffer;
  view: DataView;
  offset: number;
  count = 0;
  readonly headerBytes: number;
  readonly #template: Buffer;

  constructor(identity: FrameIdentity) {
    this.#template = headerTemplate(identity);
    this.headerBytes = this.#template.length;
    this.bytes = Buffer.allocUnsafeSlow(1_024);
    this.view = new DataView(this.bytes.buffer);
    this.offset = this.headerBytes;
  }

  /** What the frame would weigh if it were sealed now. */
  get frameBytes(): number {
    return this.offset + CHECKSUM_BYTES;
  }

  get bodyBytes(): number {
    return this.offset - this.headerBytes;
  }

  /** Makes room for `more` bytes at `offset`. */
  ensure(more: number): void {
    const needed = this.offset + more + CHECKSUM_BYTES;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    this.bytes.copy(grown, 0, 0, this.offset);
    this.bytes = grown;
    this.view = new DataView(grown.buffer);
  }

  /** The finished frame, in the writer's own memory: its bytes are good until `reset`, and nothing is to be written until then. */
  seal(numbers: FrameNumbers): Buffer {
    const length = this.frameBytes;
    this.ensure(0);
    this.#template.copy(this.bytes);
    const { view } = this;
    view.setUint8(5, kindNumbers[numbers.kind]);
    view.setUint32(8, length, true);
    view.setUint32(32, this.count, true);
    writeInt64(view, 40, numbers.term);
    writeInt64(view, 48, numbers.nonce);
    writeInt64(view, 56, numbers.seq);
    writeInt64(view, 64, numbers.confirmedCheckpoint);
    writeInt64(view, 72, numbers.clusterView);
    view.setUint32(this.offset, crc32(this.bytes.subarray(0, this.offset)), true);
    return this.bytes.subarray(0, length);
  }

  /** Empties the writer; a buffer that one huge frame has grown is let go. */
  reset(): void {
    this.offset = this.headerBytes;
    this.count = 0;
    if (this.bytes.length <= REUSED_BYTES_MAX) return;
    this.bytes = Buffer.allocUnsafeSlow(1_024);
    this.view = new DataView(this.bytes.buffer);
  }
}

const REUSED_BYTES_MAX = 262_144;

function headerTemplate(identity: FrameIdentity): Buffer {
  const node = Buffer.from(identity.node).subarray(0, NODE_BYTES_MAX);
  const template = Buffer.alloc(HEADER_BYTES + node.length);
  template.writeUInt32LE(MAGIC, 0);
  template.writeUInt8(VERSION, 4);
  template.writeUInt16LE(template.length, 6);
  template.writeUInt32LE(identity.shard, 12);
  template.write(identity.journalId, 16, 16, "hex");
  node.copy(template, HEADER_BYTES);
  return template;
}

/** The least bytes of a frame that one node writes: a group of events must fit beside them. */
export function frameOverheadBytes(identity: FrameIdentity): number {
  return headerTemplate(identity).length + CHECKSUM_BYTES;
}

/** Two frames with the same one are copies of one another. */
export function checksumOf(frame: Frame): number {
  return frame.view.getUint32(frame.bodyEnd, true);
}

/** Makes a frame, which has been read, one of another journal: in place, with a new checksum. */
export function renameJournal({ bytes, view, bodyEnd }: Frame, journalId: string): void {
  bytes.write(journalId, 16, 16, "hex");
  view.setUint32(bodyEnd, crc32(bytes.subarray(0, bodyEnd)), true);
}

/** Reads the frames of one shard of one journal. */
export class FrameReader {
  readonly #identity: Uint32Array;
  readonly #shard: number;

  constructor(journalId: string, shard: number) {
    const id = Buffer.from(journalId.padStart(32, "0"), "hex");
    this.#identity = Uint32Array.from([0, 4, 8, 12], (at) => id.readUInt32LE(at));
    this.#shard = shard;
  }

  /**
   * A frame, or why the bytes are none. Never throws. The frame refers to `record`, so it must not
   * change while the frame is in use. Everything that body decoders rely on has been checked.
   */
  read(record: Uint8Array): Frame | FrameFault {
    const bytes = Buffer.from(record.buffer, record.byteOffset, record.length);
    const view = new DataView(record.buffer, record.byteOffset, record.length);
    if (record.length < 12 || view.getUint32(0, true) !== MAGIC) return "not-a-frame";
    const bodyEnd = record.length - CHECKSUM_BYTES;
    if (view.getUint32(8, true) !== record.length || bodyEnd < 12) return "damaged";
    if (view.getUint32(bodyEnd, true) !== crc32(bytes.subarray(0, bodyEnd))) return "damaged";
    const version = view.getUint8(4);
    if (version !== VERSION) return version > VERSION ? "newer-version" : "damaged";
    if (bodyEnd < HEADER_BYTES) return "damaged";
    return this.#fields(bytes, view, bodyEnd);
  }

  #fields(bytes: Buffer, view: DataView, bodyEnd: number): Frame | FrameFault {
    if (!this.#isOurs(view)) return "foreign";
    const kind = kindNames[view.getUint8(5)];
    const bodyStart = view.getUint16(6, true);
    if (kind === undefined || bodyStart < HEADER_BYTES || bodyStart > bodyEnd) return "damaged";
    if (view.getUint32(36, true) !== 0) return "damaged";
    const count = view.getUint32(32, true);
    if (!bodyIsSound[kind]({ view, start: bodyStart, end: bodyEnd, count })) return "damaged";
    const frame: Frame = {
      kind,
      term: readInt64(view, 40),
      nonce: readInt64(view, 48),
      seq: readInt64(view, 56),
      confirmedCheckpoint: readInt64(view, 64),
      clusterView: readInt64(view, 72),
      node: bytes.toString("utf8", HEADER_BYTES, bodyStart),
      count,
      bytes,
      view,
      bodyStart,
      bodyEnd,
    };
    return numbersAreSound(frame) ? frame : "damaged";
  }

  #isOurs(view: DataView): boolean {
    const id = this.#identity;
    return (
      view.getUint32(12, true) === this.#shard &&
      view.getUint32(16, true) === id[0] &&
      view.getUint32(20, true) === id[1] &&
      view.getUint32(24, true) === id[2] &&
      view.getUint32(28, true) === id[3]
    );
  }
}

const bodyIsSound: Readonly<Record<FrameKind, (body: BodyCheck) => boolean>> = {
  claim: ({ start, end, count }) => start === end && count === 0,
  data: eventsAreSound,
  checkpoint: checkpointBodyIsSound,
};

function numbersAreSound(frame: Frame): boolean {
  const { term, nonce, seq, confirmedCheckpoint } = frame;
  return (
    Number.isSafeInteger(term) &&
    term > 0 &&
    Number.isSafeInteger(nonce) &&
    Number.isSafeInteger(seq) &&
    seq >= 0 &&
    (seq === 0) === (frame.kind === "claim") &&
    Number.isSafeInteger(confirmedCheckpoint) &&
    confirmedCheckpoint >= -1 &&
    Number.isSafeInteger(frame.clusterView)
  );
}
