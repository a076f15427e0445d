/**
 * Reads texts that are mostly the same one again: ids and types of events, of which a log holds millions. To compare
 * the bytes costs less than to make another string of them.
 */
export class TextMemo {
  #text = "";
  #bytes: Buffer = Buffer.alloc(0);

  read(bytes: Buffer, start: number, end: number): string {
    if (this.#isSame(bytes, start, end)) return this.#text;
    this.#text = bytes.toString("utf8", start, end);
    // A copy: what it was read from must not stay in memory.
    this.#bytes = Buffer.from(bytes.subarray(start, end));
    return this.#text;
  }

  #isSame(bytes: Buffer, start: number, end: number): boolean {
    const known = this.#bytes;
    if (known.length !== end - start) return false;
    // From the end: ids of one kind differ there.
    for (let index = known.length - 1; index >= 0; index--) {
      if (known[index] !== bytes[start + index]) return false;
    }
    return true;
  }
}
