/**
 * CRC-32C, the checksum of Kafka's record batches, eight bytes at a time. The machine's own
 * `zlib.crc32` has another polynomial.
 */
const polynomial = 0x82f63b78;

/** `tables[k][byte]`: what a byte contributes that has k more bytes of its group behind it. */
const tables = Array.from({ length: 8 }, () => new Int32Array(256));
for (let byte = 0; byte < 256; byte++) {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? polynomial : 0);
  tables[0]![byte] = value;
}
for (let table = 1; table < 8; table++) {
  for (let byte = 0; byte < 256; byte++) {
    const before = tables[table - 1]![byte]!;
    tables[table]![byte] = (before >>> 8) ^ tables[0]![before & 0xff]!;
  }
}
const [t0, t1, t2, t3, t4, t5, t6, t7] = tables as [
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
  Int32Array,
];

/** The checksum of `bytes[from, to)`, as an unsigned number. */
export function crc32c(bytes: Buffer, from: number, to: number): number {
  let crc = -1;
  let at = from;
  for (const end = to - 7; at < end; at += 8) {
    crc ^= bytes.readInt32LE(at);
    const later = bytes.readInt32LE(at + 4);
    crc =
      t7[crc & 0xff]! ^
      t6[(crc >>> 8) & 0xff]! ^
      t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^
      t3[later & 0xff]! ^
      t2[(later >>> 8) & 0xff]! ^
      t1[(later >>> 16) & 0xff]! ^
      t0[later >>> 24]!;
  }
  for (; at < to; at++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[at]!) & 0xff]!;
  return ~crc >>> 0;
}
