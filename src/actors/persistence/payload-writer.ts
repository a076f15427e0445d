/**
 * Copies a value and writes it as MessagePack in one walk, into memory that many payloads share.
 *
 * Boundary: the formats of MessagePack and the kinds of values that have one. What is told of a value that
 * has none, and how bytes are read, is `payload-codec.ts`.
 *
 * Invariants:
 *  V1. The copy is what a reader of the bytes gets, and shares no memory with the value.
 *  V2. Bytes handed out are not written to again before they are given back. They keep alive the slab that they
 *      lie in: who keeps few of them for long makes a copy.
 *  V3. What is taken and given back in turn needs no new memory. It is outside of the heap, and the collector marks
 *      the whole heap, for a stall of 20 ms and more, whenever some megabytes of such memory have come and gone.
 */
import { Packr } from "msgpackr";
import { limits } from "../kernel/index.ts";

/** In place of a copy: the value cannot be stored. */
export const unstorable = Symbol("unstorable");

const slabBytes = 32_768;
/** Below this length a loop in JavaScript beats the call into C++. */
const shortText = 24;
const bigintMin = -(2n ** 63n);
const bigintMax = 2n ** 63n - 1n;
/** Dates and big integers are rare: their formats are the library's. */
const packr = new Packr({ useRecords: false });

export class PayloadWriter {
  #bytes = Buffer.allocUnsafeSlow(slabBytes);
  #view = new DataView(this.#bytes.buffer);
  /** Where the payload under way begins, and where its next byte goes. */
  #start = 0;
  #at = 0;
  #isWriting = false;

  /** A getter of the value under way has come here again: it needs another writer. */
  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** The copy, or `unstorable`; its bytes are had by `take`, before the next call. */
  write(value: unknown): unknown {
    this.#at = this.#start;
    this.#isWriting = true;
    try {
      return this.#write(value, 0);
    } finally {
      this.#isWriting = false;
    }
  }

  /** The bytes of what was written last. */
  take(): Uint8Array {
    const start = this.#start;
    const bytes = new Uint8Array(this.#bytes.buffer, start, this.#at - start);
    if (this.#bytes.length > slabBytes) this.#newSlab(slabBytes);
    else this.#start = this.#at;
    return bytes;
  }

  /**
   * Nobody reads these bytes any more. Those that were taken last are written over; others are left to the collector.
   * Once for each `take`: by then the same memory may be somebody else's.
   */
  giveBack(bytes: Uint8Array): void {
    const isLast = bytes.byteOffset + bytes.length === this.#start;
    if (isLast && !this.#isWriting && bytes.buffer === this.#bytes.buffer) {
      this.#start = bytes.byteOffset;
    }
  }

  #write(value: unknown, depth: number): unknown {
    switch (typeof value) {
      case "string":
        return this.#writeText(value);
      case "number":
        return this.#writeNumber(value);
      case "boolean":
        this.#writeByte(value ? 0xc3 : 0xc2);
        return value;
      case "undefined":
        // As msgpackr has it: an extension of type 0 with one byte.
        this.#reserve(3);
        this.#bytes[this.#at++] = 0xd4;
        this.#bytes[this.#at++] = 0;
        this.#bytes[this.#at++] = 0;
        return value;
      case "bigint":
        return value >= bigintMin && value <= bigintMax ? this.#writePacked(value) : unstorable;
      case "object":
        if (value === null) {
          this.#writeByte(0xc0);
          return null;
        }
        return depth < limits.payloadDepthMax ? this.#writeObject(value, depth + 1) : unstorable;
      default:
        return unstorable;
    }
  }

  #writeObject(value: object, depth: number): unknown {
    if (Array.isArray(value)) return this.#writeArray(value, depth);
    if (!isPlainObject(value)) return this.#writeInstance(value);
    if (Object.getOwnPropertySymbols(value).length > 0) return unstorable;
    // As a whole: so it keeps its shape, which is faster to make, and to read for all who get it.
    const copy: Record<string, unknown> = { ...value };
    const keys = Object.keys(copy);
    this.#writeSize(keys.length, { fixed: 0x80, fixedMax: 15, of16: 0xde });
    for (const key of keys) {
      if (key === "__proto__") return unstorable;
      const name = this.#writeText(key);
      const given = copy[key];
      const inner = this.#write(given, depth);
      if (inner === unstorable) return unstorable;
      if (name !== key) delete copy[key];
      else if (Object.is(inner, given)) continue;
      copy[name] = inner;
    }
    return copy;
  }

  #writeArray(value: readonly unknown[], depth: number): unknown {
    this.#writeSize(value.length, { fixed: 0x90, fixedMax: 15, of16: 0xdc });
    const copy: unknown[] = [];
    const { length } = value;
    // Holes are filled, so no iterator that would see a length that changes meanwhile.
    for (let index = 0; index < length; index++) {
      const inner = this.#write(value[index], depth);
      if (inner === unstorable) return unstorable;
      copy.push(inner);
    }
    return copy;
  }

  #writeInstance(value: object): unknown {
    if (!isStorableInstance(value)) return unstorable;
    if (value instanceof Date) return this.#writePacked(new Date(value.getTime()));
    const copy = Buffer.from(value);
    this.#reserve(5 + copy.length);
    const { length } = copy;
    if (length < 256) {
      this.#bytes[this.#at++] = 0xc4;
      this.#bytes[this.#at++] = length;
    } else {
      this.#bytes[this.#at++] = 0xc6;
      this.#view.setUint32(this.#at, length);
      this.#at += 4;
    }
    this.#bytes.set(copy, this.#at);
    this.#at += length;
    return copy;
  }

  #writePacked(value: bigint | Date): unknown {
    const packed = packr.pack(value);
    this.#reserve(packed.length);
    this.#bytes.set(packed, this.#at);
    this.#at += packed.length;
    return value;
  }

  #writeNumber(value: number): number {
    this.#reserve(9);
    const bytes = this.#bytes;
    const at = this.#at;
    if (value >>> 0 === value) {
      if (value < 0x80) {
        // A negative zero becomes zero here.
        bytes[at] = value;
        this.#at = at + 1;
        return value === 0 ? 0 : value;
      }
      if (value < 0x1_0000) {
        bytes[at] = 0xcd;
        this.#view.setUint16(at + 1, value);
        this.#at = at + 3;
        return value;
      }
      bytes[at] = 0xce;
      this.#view.setUint32(at + 1, value);
      this.#at = at + 5;
      return value;
    }
    if ((value | 0) === value) {
      if (value >= -0x20) {
        bytes[at] = 0x100 + value;
        this.#at = at + 1;
        return value;
      }
      bytes[at] = 0xd2;
      this.#view.setInt32(at + 1, value);
      this.#at = at + 5;
      return value;
    }
    bytes[at] = 0xcb;
    this.#view.setFloat64(at + 1, value);
    this.#at = at + 9;
    return value;
  }

  /** Returns the text as it will come back: half of a surrogate pair has no form in UTF-8. */
  #writeText(text: string): string {
    const { length } = text;
    this.#reserve(5 + length * 3);
    if (length <= shortText) {
      const bytes = this.#bytes;
      let at = this.#at;
      bytes[at++] = 0xa0 | length;
      let index = 0;
      for (; index < length; index++) {
        const code = text.charCodeAt(index);
        if (code > 127) break;
        bytes[at++] = code;
      }
      if (index === length) {
        this.#at = at;
        return text;
      }
    }
    return this.#writeLongText(text);
  }

  #writeLongText(text: string): string {
    const at = this.#at;
    // The most it can take decides the size of its length, which is known only when it is written.
    const sizeBytes = text.length <= 85 ? 1 : text.length <= 21_845 ? 2 : 4;
    const start = at + 1 + sizeBytes;
    const length = this.#bytes.write(text, start, "utf8");
    if (sizeBytes === 1) {
      this.#bytes[at] = 0xd9;
      this.#bytes[at + 1] = length;
    } else if (sizeBytes === 2) {
      this.#bytes[at] = 0xda;
      this.#view.setUint16(at + 1, length);
    } else {
      this.#bytes[at] = 0xdb;
      this.#view.setUint32(at + 1, length);
    }
    this.#at = start + length;
    return length === text.length || text.isWellFormed() ? text : text.toWellFormed();
  }

  #writeSize(
    size: number,
    { fixed, fixedMax, of16 }: { fixed: number; fixedMax: number; of16: number },
  ): void {
    this.#reserve(5);
    if (size <= fixedMax) {
      this.#bytes[this.#at++] = fixed | size;
    } else if (size < 0x1_0000) {
      this.#bytes[this.#at++] = of16;
      this.#view.setUint16(this.#at, size);
      this.#at += 2;
    } else {
      // The form with 32 bits follows the one with 16 in all formats.
      this.#bytes[this.#at++] = of16 + 1;
      this.#view.setUint32(this.#at, size);
      this.#at += 4;
    }
  }

  #writeByte(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#at++] = byte;
  }

  /** Makes room; what is under way moves to a new slab when this one is full. */
  #reserve(more: number): void {
    if (this.#at + more <= this.#bytes.length) return;
    const underWay = this.#bytes.subarray(this.#start, this.#at);
    const needed = underWay.length + more;
    this.#newSlab(needed <= slabBytes ? slabBytes : needed * 2);
    this.#bytes.set(underWay);
    this.#at = underWay.length;
  }

  #newSlab(bytes: number): void {
    this.#bytes = Buffer.allocUnsafeSlow(bytes);
    this.#view = new DataView(this.#bytes.buffer);
    this.#start = 0;
    this.#at = 0;
  }
}

export function isPlainObject(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** Of the instances, valid dates and bytes can be stored. */
export function isStorableInstance(value: object): value is Date | Uint8Array {
  if (value instanceof Date) return !Number.isNaN(value.getTime());
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Uint8Array.prototype || prototype === Buffer.prototype;
}
