/**
 * Events in the body of a data frame, one after the other. Final like the frame itself.
 *
 *   offset  size  field
 *        0     4  size of the event in bytes, this field included
 *        4     1  kind: 1 event, 2 base, 3 tombstone
 *        5     1  flags: 1 `open` is given, 2 its value, 4 wakeAtMs, 8 idempotencyKey, 16 traceparent, 32 tags
 *        6     2  schema version
 *        8     8  sequence number   i64  of a base: the last event that it contains
 *       16     8  previous          i64  position of the frame with this entity's previous event;
 *                                        -1 = starts anew, -2 = in this same frame
 *       24     8  timeMs            f64
 *       32     2  length of the persistence id in bytes
 *       34     2  length of the type in bytes
 *       36     4  length of the payload in bytes
 *       40     …  [wakeAtMs f64], persistence id, type, payload, [u16 + idempotencyKey],
 *                 [u16 + traceparent], [u8 count, then u16 + tag each]
 *
 * What the directory needs comes first and at fixed places, so that a sweep skips over all else.
 * A frame from `FrameReader` has been checked, so readers here do not check again.
 */
import type { BodyCheck } from "./checkpoint-codec.ts";
import type { Frame, FrameWriter } from "./frame.ts";
import { readInt64, writeInt64 } from "./int64.ts";
import type { Position } from "./journal.ts";
import type { StagedEvent, StoredEvent } from "./shard-log.ts";
import { TextMemo } from "./text-memo.ts";

/** `previous` of an entity's first event, and of the first one after its tombstone. */
export const STARTS_ANEW = -1;
/** `previous` of an event whose predecessor stands in the same frame. */
export const IN_SAME_FRAME = -2;

const FIXED_BYTES = 40;
/** Where `previous` stands, to be filled in when the frame before has been confirmed. */
export const PREVIOUS_OFFSET = 16;

const kindNumbers = { event: 1, base: 2, tombstone: 3 } as const;
export const EVENT = 1;
export const BASE = 2;
export const TOMBSTONE = 3;
const kindNames = ["event", "event", "base", "tombstone"] as const;

const OPEN_GIVEN = 1;
const OPEN = 2;
const WAKE = 4;
const KEY = 8;
const TRACE = 16;
const TAGS = 32;
const ALL_FLAGS = 63;

const TEXT_BYTES_MAX = 65_535;
const TAGS_MAX = 255;
/** Half of a surrogate pair: UTF-8 cannot hold it. */
const LONE_SURROGATE = /\p{Surrogate}/u;
/** Below this length a loop in JavaScript beats the call into C++. */
const SHORT_TEXT = 40;

/** Whose event it is, and which. */
export interface EventPlace {
  readonly persistenceId: string;
  readonly sequenceNumber: number;
  readonly previous: Position;
}

/**
 * Appends one event at the writer's offset and returns where it starts.
 * The caller has checked the texts by `textProblem` and bounds the size by the writer's offset.
 */
export function writeEvent(writer: FrameWriter, place: EventPlace, event: StagedEvent): number {
  const { persistenceId } = place;
  const start = writer.offset;
  writer.ensure(sizeAtMost(persistenceId, event));
  const { bytes, view } = writer;
  let at = start + FIXED_BYTES;
  if (event.wakeAtMs !== undefined) {
    view.setFloat64(at, event.wakeAtMs, true);
    at += 8;
  }
  const idBytes = writeText(bytes, at, persistenceId);
  at += idBytes;
  const typeBytes = writeText(bytes, at, event.type);
  at += typeBytes;
  bytes.set(event.payload, at);
  at += event.payload.length;
  if (event.idempotencyKey !== undefined) at = writeSizedText(writer, at, event.idempotencyKey);
  if (event.traceparent !== undefined) at = writeSizedText(writer, at, event.traceparent);
  if (event.tags !== undefined) at = writeTags(writer, at, event.tags);
  view.setUint32(start, at - start, true);
  view.setUint8(start + 4, kindNumbers[event.kind]);
  view.setUint8(start + 5, flagsOf(event));
  view.setUint16(start + 6, event.schemaVersion, true);
  writeInt64(view, start + 8, place.sequenceNumber);
  writeInt64(view, start + PREVIOUS_OFFSET, place.previous);
  view.setFloat64(start + 24, event.timeMs, true);
  view.setUint16(start + 32, idBytes, true);
  view.setUint16(start + 34, typeBytes, true);
  view.setUint32(start + 36, event.payload.length, true);
  writer.offset = at;
  writer.count += 1;
  return start;
}

function flagsOf(event: StagedEvent): number {
  return (
    (event.open === undefined ? 0 : event.open ? OPEN_GIVEN | OPEN : OPEN_GIVEN) |
    (event.wakeAtMs === undefined ? 0 : WAKE) |
    (event.idempotencyKey === undefined ? 0 : KEY) |
    (event.traceparent === undefined ? 0 : TRACE) |
    (event.tags === undefined ? 0 : TAGS)
  );
}

function sizeAtMost(persistenceId: string, event: StagedEvent): number {
  let characters = persistenceId.length + event.type.length;
  if (event.idempotencyKey !== undefined) characters += event.idempotencyKey.length + 1;
  if (event.traceparent !== undefined) characters += event.traceparent.length + 1;
  for (const tag of event.tags ?? []) characters += tag.length + 1;
  return FIXED_BYTES + 16 + characters * 3 + event.payload.length;
}

/** Returns the number of bytes written. */
export function writeText(bytes: Buffer, at: number, text: string): number {
  const { length } = text;
  if (length > SHORT_TEXT) return bytes.write(text, at, "utf8");
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return bytes.write(text, at, "utf8");
    bytes[at + index] = code;
  }
  return length;
}

function writeSizedText(writer: FrameWriter, at: number, text: string): number {
  const length = writeText(writer.bytes, at + 2, text);
  writer.view.setUint16(at, length, true);
  return at + 2 + length;
}

function writeTags(writer: FrameWriter, at: number, tags: readonly string[]): number {
  writer.view.setUint8(at, tags.length);
  let end = at + 1;
  for (const tag of tags) end = writeSizedText(writer, end, tag);
  return end;
}

/**
 * What keeps an event from being written, in words; undefined = nothing. Sizes are the caller's.
 * `soundType`: a type that nothing was found in before.
 */
export function problemOf(event: StagedEvent, soundType: string): string | undefined {
  if (event.type !== soundType && textProblem(event.type)) return textProblem(event.type);
  const { schemaVersion, idempotencyKey, traceparent, tags } = event;
  if (!(Number.isInteger(schemaVersion) && schemaVersion >= 0 && schemaVersion <= 65_535)) {
    return `a schema version of ${schemaVersion}; 0 to 65535 are allowed`;
  }
  if (Number.isNaN(event.timeMs) || Number.isNaN(event.wakeAtMs)) return "a time that is no number";
  if (idempotencyKey !== undefined && textProblem(idempotencyKey))
    return textProblem(idempotencyKey);
  if (traceparent !== undefined && textProblem(traceparent)) return textProblem(traceparent);
  if (tags === undefined) return undefined;
  if (tags.length > TAGS_MAX) return `${tags.length} tags; ${TAGS_MAX} are allowed`;
  return tags.map(textProblem).find((problem) => problem !== undefined);
}

/** Texts must come back as they went in: well-formed Unicode of at most 65,535 bytes. */
export function textProblem(text: string): string | undefined {
  const { length } = text;
  if (length <= SHORT_TEXT) {
    let index = 0;
    while (index < length && text.charCodeAt(index) <= 127) index++;
    if (index === length) return undefined;
  }
  if (LONE_SURROGATE.test(text)) return "text with half of a surrogate pair";
  if (Buffer.byteLength(text) > TEXT_BYTES_MAX) return `text of more than ${TEXT_BYTES_MAX} bytes`;
  return undefined;
}

/** Fills in the previous position of the event that starts at `start`. */
export function patchPrevious(writer: FrameWriter, start: number, previous: Position): void {
  writeInt64(writer.view, start + PREVIOUS_OFFSET, previous);
}

/** What the directory takes from an event. One object is used again for all events of a sweep. */
export interface EventGlance {
  persistenceId: string;
  kind: number;
  sequenceNumber: number;
  previous: Position;
  /** undefined = unchanged. */
  open: boolean | undefined;
  wakeAtMs: number | undefined;
}

/** Shows each event of a data frame in order. `glance` is valid during the call only. */
export function glanceAtEvents(frame: Frame, show: (glance: EventGlance) => void): void {
  const { bytes, view, bodyEnd } = frame;
  const glance: EventGlance = {
    persistenceId: "",
    kind: EVENT,
    sequenceNumber: 0,
    previous: STARTS_ANEW,
    open: undefined,
    wakeAtMs: undefined,
  };
  for (let at = frame.bodyStart; at < bodyEnd; at += view.getUint32(at, true)) {
    const flags = view.getUint8(at + 5);
    const idStart = at + FIXED_BYTES + ((flags & WAKE) === 0 ? 0 : 8);
    glance.persistenceId = bytes.toString("utf8", idStart, idStart + view.getUint16(at + 32, true));
    glance.kind = view.getUint8(at + 4);
    glance.sequenceNumber = readInt64(view, at + 8);
    glance.previous = readInt64(view, at + PREVIOUS_OFFSET);
    glance.open = (flags & OPEN_GIVEN) === 0 ? undefined : (flags & OPEN) !== 0;
    glance.wakeAtMs = (flags & WAKE) === 0 ? undefined : view.getFloat64(at + FIXED_BYTES, true);
    show(glance);
  }
}

/** Finds the events of one entity without decoding the others. */
export class EntityFilter {
  readonly #id: Buffer;

  constructor(persistenceId: string) {
    this.#id = Buffer.from(persistenceId);
  }

  /** Where the entity's events start in a data frame, in order. */
  find(frame: Frame): number[] {
    const { view, bodyEnd } = frame;
    const found: number[] = [];
    for (let at = frame.bodyStart; at < bodyEnd; at += view.getUint32(at, true)) {
      if (this.#matches(frame, at)) found.push(at);
    }
    return found;
  }

  #matches({ bytes, view }: Frame, at: number): boolean {
    const id = this.#id;
    const { length } = id;
    if (view.getUint16(at + 32, true) !== length) return false;
    const start = at + FIXED_BYTES + ((view.getUint8(at + 5) & WAKE) === 0 ? 0 : 8);
    // From the end: ids of one kind differ there.
    for (let index = length - 1; index >= 0; index--) {
      if (id[index] !== bytes[start + index]) return false;
    }
    return true;
  }
}

/** Shows the place of each event in a data frame: where it starts and ends. */
export function eachEvent(frame: Frame, show: (start: number, end: number) => void): void {
  const { view, bodyEnd } = frame;
  for (let at = frame.bodyStart; at < bodyEnd; ) {
    const end = at + view.getUint32(at, true);
    show(at, end);
    at = end;
  }
}

/** What a walk along an entity's chain needs of the event that starts at `start`. */
export interface EventMark {
  readonly kind: number;
  readonly sequenceNumber: number;
  /** As it is stored: a position, `STARTS_ANEW` or `IN_SAME_FRAME`. */
  readonly previous: Position;
}

export function readMark({ view }: Frame, start: number): EventMark {
  return {
    kind: view.getUint8(start + 4),
    sequenceNumber: readInt64(view, start + 8),
    previous: readInt64(view, start + PREVIOUS_OFFSET),
  };
}

/** All events of a data frame at `position`. Payloads refer to the frame's bytes. */
export function readEvents(frame: Frame, position: Position): StoredEvent[] {
  const { view, bodyEnd } = frame;
  const events: StoredEvent[] = [];
  for (let at = frame.bodyStart; at < bodyEnd; at += view.getUint32(at, true)) {
    events.push(readEvent(frame, at, position));
  }
  return events;
}

const ids = new TextMemo();
const types = new TextMemo();

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The event that starts at `start` of a data frame at `position`. Its payload refers to the frame's bytes. */
export function readEvent(frame: Frame, start: number, position: Position): StoredEvent {
  const { bytes, view } = frame;
  const flags = view.getUint8(start + 5);
  const previous = readInt64(view, start + PREVIOUS_OFFSET);
  const idStart = start + FIXED_BYTES + ((flags & WAKE) === 0 ? 0 : 8);
  const typeStart = idStart + view.getUint16(start + 32, true);
  const payloadStart = typeStart + view.getUint16(start + 34, true);
  const payloadEnd = payloadStart + view.getUint32(start + 36, true);
  const event: Mutable<StoredEvent> = {
    persistenceId: ids.read(bytes, idStart, typeStart),
    sequenceNumber: readInt64(view, start + 8),
    prev: previous === IN_SAME_FRAME ? position : previous,
    kind: kindNames[view.getUint8(start + 4)] ?? "event",
    type: types.read(bytes, typeStart, payloadStart),
    schemaVersion: view.getUint16(start + 6, true),
    timeMs: view.getFloat64(start + 24, true),
    payload: bytes.subarray(payloadStart, payloadEnd),
  };
  if ((flags & OPEN_GIVEN) !== 0) event.open = (flags & OPEN) !== 0;
  if ((flags & WAKE) !== 0) event.wakeAtMs = view.getFloat64(start + FIXED_BYTES, true);
  if ((flags & (KEY | TRACE | TAGS)) !== 0) readTexts(frame, flags, payloadEnd, event);
  return event;
}

function readTexts(
  { bytes, view }: Frame,
  flags: number,
  end: number,
  event: Mutable<StoredEvent>,
): void {
  let at = end;
  if ((flags & KEY) !== 0) {
    const next = at + 2 + view.getUint16(at, true);
    event.idempotencyKey = bytes.toString("utf8", at + 2, next);
    at = next;
  }
  if ((flags & TRACE) !== 0) {
    const next = at + 2 + view.getUint16(at, true);
    event.traceparent = bytes.toString("utf8", at + 2, next);
    at = next;
  }
  if ((flags & TAGS) === 0) return;
  const tags: string[] = [];
  const count = view.getUint8(at);
  for (at += 1; tags.length < count; ) {
    const next = at + 2 + view.getUint16(at, true);
    tags.push(bytes.toString("utf8", at + 2, next));
    at = next;
  }
  event.tags = tags;
}

/** Whether a body is exactly `count` whole events. After this no reader can run out of bounds. */
export function eventsAreSound({ view, start, end, count }: BodyCheck): boolean {
  let at = start;
  let seen = 0;
  while (at < end) {
    if (end - at < FIXED_BYTES) return false;
    const size = view.getUint32(at, true);
    if (size < FIXED_BYTES || size > end - at || !eventIsSound(view, at, at + size)) return false;
    at += size;
    seen += 1;
  }
  return seen === count;
}

function eventIsSound(view: DataView, start: number, end: number): boolean {
  const kind = view.getUint8(start + 4);
  const flags = view.getUint8(start + 5);
  if (kind < EVENT || kind > TOMBSTONE || flags > ALL_FLAGS) return false;
  if (!numbersAreSound(view, start)) return false;
  let at = start + FIXED_BYTES + ((flags & WAKE) === 0 ? 0 : 8);
  at += view.getUint16(start + 32, true) + view.getUint16(start + 34, true);
  at += view.getUint32(start + 36, true);
  let texts = ((flags & KEY) === 0 ? 0 : 1) + ((flags & TRACE) === 0 ? 0 : 1);
  for (; texts > 0; texts--) {
    if (at + 2 > end) return false;
    at += 2 + view.getUint16(at, true);
  }
  if ((flags & TAGS) === 0) return at === end;
  if (at + 1 > end) return false;
  let tags = view.getUint8(at);
  for (at += 1; tags > 0; tags--) {
    if (at + 2 > end) return false;
    at += 2 + view.getUint16(at, true);
  }
  return at === end;
}

function numbersAreSound(view: DataView, start: number): boolean {
  const sequenceNumber = readInt64(view, start + 8);
  const previous = readInt64(view, start + PREVIOUS_OFFSET);
  return (
    Number.isSafeInteger(sequenceNumber) &&
    sequenceNumber >= 0 &&
    Number.isSafeInteger(previous) &&
    previous >= IN_SAME_FRAME
  );
}
