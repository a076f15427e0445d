/**
 * The body of a checkpoint frame: one part of a checkpoint. Final like the frame itself.
 *
 *   offset  size  field
 *        0     1  flags: 1 first part, 2 last part, 4 the checkpoint is full
 *        1     7  zero
 *        8     8  previous  i64  position of the part before this one; in the first part the last part of
 *                                the checkpoint that this one adds to; -1 = none
 *       16     …  entries, each:
 *                 u16 length of the persistence id, u8 flags (1 open, 2 wakeAtMs, 4 deleted), u8 zero,
 *                 i64 sequence number, i64 position, i64 from, [f64 wakeAtMs], persistence id
 *
 * So from the last part one list leads back to the first part of a full checkpoint; of two
 * entries of one entity the one met first on that way is the newer.
 */
import { writeText } from "./event-codec.ts";
import type { Frame, FrameWriter } from "./frame.ts";
import { readInt64, writeInt64 } from "./int64.ts";
import type { Position } from "./journal.ts";

/** A body that is to be checked before anyone reads it. */
export interface BodyCheck {
  readonly view: DataView;
  readonly start: number;
  readonly end: number;
  readonly count: number;
}

export interface CheckpointPart {
  readonly first: boolean;
  readonly last: boolean;
  /** Holds every entity; an incremental one holds those that changed since the one before. */
  readonly full: boolean;
  readonly previous: Position;
}

/** One entity, as a checkpoint holds it. */
export interface CheckpointEntry {
  readonly sequenceNumber: number;
  readonly position: Position;
  readonly from: Position;
  readonly open: boolean;
  readonly wakeAtMs: number | undefined;
  readonly deleted: boolean;
}

const PART_BYTES = 16;
const FIXED_BYTES = 28;
const FIRST = 1;
const LAST = 2;
const FULL = 4;
const OPEN = 1;
const WAKE = 2;
const DELETED = 4;

/** Starts a part: call once on an empty writer, then `writeEntry`, then `endPart`. */
export function beginPart(writer: FrameWriter): void {
  writer.ensure(PART_BYTES);
  writer.bytes.fill(0, writer.offset, writer.offset + PART_BYTES);
  writer.offset += PART_BYTES;
}

export function writeEntry(
  writer: FrameWriter,
  persistenceId: string,
  entry: CheckpointEntry,
): void {
  writer.ensure(FIXED_BYTES + 8 + persistenceId.length * 3);
  const { bytes, view, offset } = writer;
  let at = offset + FIXED_BYTES;
  if (entry.wakeAtMs !== undefined) {
    view.setFloat64(at, entry.wakeAtMs, true);
    at += 8;
  }
  const idBytes = writeText(bytes, at, persistenceId);
  view.setUint16(offset, idBytes, true);
  view.setUint8(
    offset + 2,
    (entry.open ? OPEN : 0) |
      (entry.wakeAtMs === undefined ? 0 : WAKE) |
      (entry.deleted ? DELETED : 0),
  );
  view.setUint8(offset + 3, 0);
  writeInt64(view, offset + 4, entry.sequenceNumber);
  writeInt64(view, offset + 12, entry.position);
  writeInt64(view, offset + 20, entry.from);
  writer.offset = at + idBytes;
  writer.count += 1;
}

export function endPart(writer: FrameWriter, part: CheckpointPart): void {
  const start = writer.headerBytes;
  const flags = (part.first ? FIRST : 0) | (part.last ? LAST : 0) | (part.full ? FULL : 0);
  writer.view.setUint8(start, flags);
  writeInt64(writer.view, start + 8, part.previous);
}

export function readPart(frame: Frame): CheckpointPart {
  const flags = frame.view.getUint8(frame.bodyStart);
  return {
    first: (flags & FIRST) !== 0,
    last: (flags & LAST) !== 0,
    full: (flags & FULL) !== 0,
    previous: readInt64(frame.view, frame.bodyStart + 8),
  };
}

export function readEntries(
  frame: Frame,
  take: (persistenceId: string, entry: CheckpointEntry) => void,
): void {
  const { bytes, view, bodyEnd } = frame;
  let at = frame.bodyStart + PART_BYTES;
  while (at < bodyEnd) {
    const flags = view.getUint8(at + 2);
    const wakes = (flags & WAKE) !== 0;
    const idStart = at + FIXED_BYTES + (wakes ? 8 : 0);
    const next = idStart + view.getUint16(at, true);
    take(bytes.toString("utf8", idStart, next), {
      sequenceNumber: readInt64(view, at + 4),
      position: readInt64(view, at + 12),
      from: readInt64(view, at + 20),
      open: (flags & OPEN) !== 0,
      wakeAtMs: wakes ? view.getFloat64(at + FIXED_BYTES, true) : undefined,
      deleted: (flags & DELETED) !== 0,
    });
    at = next;
  }
}

/** Whether a body is a part with exactly `count` whole entries. */
export function checkpointBodyIsSound({ view, start, end, count }: BodyCheck): boolean {
  if (end - start < PART_BYTES || view.getUint8(start) > (FIRST | LAST | FULL)) return false;
  const previous = readInt64(view, start + 8);
  if (!Number.isSafeInteger(previous) || previous < -1) return false;
  let at = start + PART_BYTES;
  let seen = 0;
  while (at < end) {
    if (end - at < FIXED_BYTES) return false;
    const flags = view.getUint8(at + 2);
    if (flags > (OPEN | WAKE | DELETED)) return false;
    for (const offset of [4, 12, 20]) {
      const number = readInt64(view, at + offset);
      if (!Number.isSafeInteger(number) || number < 0) return false;
    }
    at += FIXED_BYTES + ((flags & WAKE) === 0 ? 0 : 8) + view.getUint16(at, true);
    seen += 1;
  }
  return at === end && seen === count;
}
