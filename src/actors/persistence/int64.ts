/**
 * Integers of 64 bits in little-endian order, as JavaScript numbers.
 * Everything numbered in a frame stays within ±2^53, so no BigInt is needed on the hot path.
 */
const HIGH = 4_294_967_296;

export function readInt64(view: DataView, at: number): number {
  return view.getInt32(at + 4, true) * HIGH + view.getUint32(at, true);
}

export function writeInt64(view: DataView, at: number, value: number): void {
  view.setUint32(at, value >>> 0, true);
  view.setInt32(at + 4, Math.floor(value / HIGH), true);
}
