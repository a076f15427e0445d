/**
 * xxHash32 (seed 0) of a text's UTF-8 bytes, and the shard that follows from it.
 * An entity's shard is part of the data format: this function never changes.
 */
const P1 = 0x9e37_79b1;
const P2 = 0x85eb_ca77;
const P3 = 0xc2b2_ae3d;
const P4 = 0x27d4_eb2f;
const P5 = 0x1656_67b1;

const SHORT_BYTES = 256;
const scratch = Buffer.alloc(SHORT_BYTES);

/** Which of `shards` an entity belongs to. */
export function shardOfId(persistenceId: string, shards: number): number {
  return hashText(persistenceId) % shards;
}

export function hashText(text: string): number {
  const { length } = text;
  if (length * 3 > SHORT_BYTES) {
    const bytes = Buffer.from(text);
    return xxHash32(bytes, bytes.length);
  }
  for (let index = 0; index < length; index++) {
    const code = text.charCodeAt(index);
    if (code > 127) return xxHash32(scratch, scratch.write(text, 0, "utf8"));
    scratch[index] = code;
  }
  return xxHash32(scratch, length);
}

/** An unsigned number of 32 bits from the first `length` bytes. */
export function xxHash32(bytes: Buffer, length: number): number {
  let at = 0;
  let hash: number;
  if (length >= 16) {
    let a = (P1 + P2) | 0;
    let b = P2 | 0;
    let c = 0;
    let d = -P1 | 0;
    for (; at + 16 <= length; at += 16) {
      a = round(a, word(bytes, at));
      b = round(b, word(bytes, at + 4));
      c = round(c, word(bytes, at + 8));
      d = round(d, word(bytes, at + 12));
    }
    hash = (rotate(a, 1) + rotate(b, 7) + rotate(c, 12) + rotate(d, 18)) | 0;
  } else {
    hash = P5 | 0;
  }
  hash = (hash + length) | 0;
  for (; at + 4 <= length; at += 4) {
    hash = Math.imul(rotate((hash + Math.imul(word(bytes, at), P3)) | 0, 17), P4);
  }
  for (; at < length; at++) {
    hash = Math.imul(rotate((hash + Math.imul(bytes[at] ?? 0, P5)) | 0, 11), P1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), P2);
  hash = Math.imul(hash ^ (hash >>> 13), P3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function round(lane: number, input: number): number {
  return Math.imul(rotate((lane + Math.imul(input, P2)) | 0, 13), P1);
}

function rotate(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

function word(bytes: Buffer, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  );
}
