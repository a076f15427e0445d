/**
 * Reads the formats of MessagePack that JSON's kinds of values have, and nothing else: recoveries read millions of
 * small payloads, in which the names of fields are the same again and again.
 *
 * Boundary: what has another format is `unread`, and somebody else's to read. The bytes come from a checked frame or a
 * snapshot; bytes that are no MessagePack end in `unread` or an error, never in a read beyond their end.
 */
import { TextMemo } from "./text-memo.ts";

/** In place of a value: bytes, a date, a big integer, or no MessagePack at all is in it. */
export const unread = Symbol("unread");

/** Below this length a loop in JavaScript beats the call into C++. */
const shortText = 16;
const names = Array.from({ length: 256 }, () => new TextMemo());

export class PayloadReader {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** The value, or `unread`. Nothing of it shares memory with `bytes`. */
  read(bytes: Buffer): unknown {
    this.#bytes = bytes;
    this.#at = 0;
    const value = this.#read();
    return this.#at === bytes.length ? value : unread;
  }

  #read(): unknown {
    const byte = this.#bytes[this.#at++];
    if (byte === undefined) return unread;
    if (byte < 0x80) return byte;
    if (byte < 0x90) return this.#readMap(byte & 0x0f);
    if (byte < 0xa0) return this.#readArray(byte & 0x0f);
    if (byte < 0xc0) return this.#readText(byte & 0x1f);
    if (byte >= 0xe0) return byte - 0x100;
    return this.#readSized(byte);
  }

  #readSized(byte: number): unknown {
    switch (byte) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xcb:
        return this.#skip(8) ? this.#bytes.readDoubleBE(this.#at - 8) : unread;
      case 0xcc:
        return this.#readUint(1);
      case 0xcd:
        return this.#readUint(2);
      case 0xce:
        return this.#readUint(4);
      case 0xd0:
        return this.#skip(1) ? this.#bytes.readInt8(this.#at - 1) : unread;
      case 0xd1:
        return this.#skip(2) ? this.#bytes.readInt16BE(this.#at - 2) : unread;
      case 0xd2:
        return this.#skip(4) ? this.#bytes.readInt32BE(this.#at - 4) : unread;
      case 0xd4:
        // msgpackr's undefined.
        return this.#readUint(2) === 0 ? undefined : unread;
      default:
        return this.#readLong(byte);
    }
  }

  /** What is too long to have its length in its first byte. */
  #readLong(byte: number): unknown {
    switch (byte) {
      case 0xd9:
        return this.#readText(this.#readUint(1));
      case 0xda:
        return this.#readText(this.#readUint(2));
      case 0xdb:
        return this.#readText(this.#readUint(4));
      case 0xdc:
        return this.#readArray(this.#readUint(2));
      case 0xde:
        return this.#readMap(this.#readUint(2));
      default:
        return unread;
    }
  }

  /** False = so many bytes are not there. */
  #skip(bytes: number): boolean {
    this.#at += bytes;
    return this.#at <= this.#bytes.length;
  }

  #readUint(bytes: 1 | 2 | 4): number {
    const at = this.#at;
    // More than there can be of anything: whoever needs so many bytes finds that they are missing.
    if (!this.#skip(bytes)) return 0xff_ff_ff_ff;
    return this.#bytes.readUIntBE(at, bytes);
  }

  #readText(length: number): string | typeof unread {
    const start = this.#at;
    if (!this.#skip(length)) return unread;
    if (length > shortText) return this.#bytes.toString("utf8", start, this.#at);
    let text = "";
    for (let at = start; at < this.#at; at++) {
      const code = this.#bytes[at] as number;
      if (code > 127) return this.#bytes.toString("utf8", start, this.#at);
      text += String.fromCharCode(code);
    }
    return text;
  }

  #readArray(length: number): unknown {
    const list: unknown[] = [];
    for (let index = 0; index < length; index++) {
      const item = this.#read();
      if (item === unread) return unread;
      list.push(item);
    }
    return list;
  }

  #readMap(size: number): unknown {
    const record: Record<string, unknown> = {};
    for (let index = 0; index < size; index++) {
      const name = this.#readName();
      // Not of our writing, or not in the usual form.
      if (name === undefined || name === "__proto__") return unread;
      const value = this.#read();
      if (value === unread) return unread;
      record[name] = value;
    }
    return record;
  }

  #readName(): string | undefined {
    const byte = this.#bytes[this.#at] ?? 0;
    const start = this.#at + 1;
    const length = byte & 0x1f;
    if ((byte & 0xe0) === 0xa0 && length > 0 && this.#skip(1 + length)) {
      const last = this.#bytes[this.#at - 1] as number;
      const slot = (last * 7 + length) & 0xff;
      return (names[slot] as TextMemo).read(this.#bytes, start, this.#at);
    }
    const name = this.#read();
    return typeof name === "string" ? name : undefined;
  }
}
