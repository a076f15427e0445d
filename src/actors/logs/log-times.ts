/**
 * When the bytes of a log came: a row of records beside it, each good from its offset on until the next.
 *
 *  T1. Offsets and times only grow. A record is kept where it is at least `limits.logTimeResolutionMs` later than the
 *      one before, so a trickle costs 12 bytes per flush of its agent and a flood next to nothing.
 *  T2. A record is stored before the bytes that it is about can be read.
 *  T3. A record that was cut short by a crash is written over.
 */
import { limits } from "../kernel/index.ts";

/** The bytes from `offset` on came at `atMs`, by the server's clock. */
export interface LogTime {
  readonly offset: number;
  readonly atMs: number;
}

/** Two numbers of 48 bits: 256 TiB, and the year 10889. */
const numberBytes = 6;
const recordBytes = 2 * numberBytes;
const readRecords = 1_000;

/** T1: those of `times` that are to be written after `last`. */
export function freshTimes(last: LogTime | undefined, times: readonly LogTime[]): LogTime[] {
  const fresh: LogTime[] = [];
  let before = last;
  for (const time of times) {
    const isNew =
      before === undefined ||
      (time.offset > before.offset && time.atMs - before.atMs >= limits.logTimeResolutionMs);
    if (!isNew) continue;
    fresh.push(time);
    before = time;
  }
  return fresh;
}

export function timesBytes(times: readonly LogTime[]): Buffer {
  const bytes = Buffer.alloc(times.length * recordBytes);
  for (const [index, { offset, atMs }] of times.entries()) {
    bytes.writeUIntBE(offset, index * recordBytes, numberBytes);
    bytes.writeUIntBE(
      Math.max(0, Math.round(atMs)),
      index * recordBytes + numberBytes,
      numberBytes,
    );
  }
  return bytes;
}

export function timesOf(bytes: Uint8Array): LogTime[] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const times: LogTime[] = [];
  for (let at = 0; at + recordBytes <= buffer.length; at += recordBytes) {
    const offset = buffer.readUIntBE(at, numberBytes);
    times.push({ offset, atMs: buffer.readUIntBE(at + numberBytes, numberBytes) });
  }
  return times;
}

/** T3: where whole records end. */
export function wholeTimesEnd(bytes: number): number {
  return bytes - (bytes % recordBytes);
}

/** Where the last whole record begins; below 0 where there is none. */
export function lastTimeAt(bytes: number): number {
  return wholeTimesEnd(bytes) - recordBytes;
}

/** Reads the records once, from the first to the last, as one who reads the log wants them. */
export class LogTimesCursor {
  readonly #read: (position: number, bytesMax: number) => Promise<Uint8Array>;
  #position = 0;
  #ahead: LogTime[] = [];
  #present: LogTime | undefined;

  /** `read` gives what is there of the records, less than asked for at their end. */
  constructor(read: (position: number, bytesMax: number) => Promise<Uint8Array>) {
    this.#read = read;
  }

  /** What holds for the bytes [from, to): the first one lies at or below `from`, where there is such a one. `from` only grows. */
  async between(from: number, to: number): Promise<LogTime[]> {
    const within: LogTime[] = [];
    for (let next = await this.#next(); next !== undefined; next = await this.#next()) {
      if (next.offset >= to) break;
      this.#ahead.shift();
      if (next.offset <= from) this.#present = next;
      else within.push(next);
    }
    const found = this.#present === undefined ? within : [this.#present, ...within];
    this.#present = found.at(-1);
    return found;
  }

  async #next(): Promise<LogTime | undefined> {
    if (this.#ahead.length === 0) {
      this.#ahead = timesOf(await this.#read(this.#position, readRecords * recordBytes));
      this.#position += this.#ahead.length * recordBytes;
    }
    return this.#ahead[0];
  }
}
