/**
 * Emptied rings of mailboxes, kept for the next mailbox that grows: a burst then costs no
 * allocation, and an actor that is idle after one holds no memory for it.
 *
 *   I1. A ring in the pool holds `undefined` in every slot.
 *   I2. The pool keeps at most `ringsMax` rings of each size, and none above `slotsMax`: 4 MiB.
 */
const ringsMax = 4;
const slotsMax = 65_536;

const pool = new Map<number, unknown[][]>();

/** A ring of `slots` slots, a power of two, all of them `undefined`. */
export function takeSlots(slots: number): unknown[] {
  return pool.get(slots)?.pop() ?? new Array<unknown>(slots).fill(undefined);
}

/** Gives a ring back, all of whose slots hold `undefined`. */
export function giveSlots(ring: unknown[]): void {
  if (ring.length > slotsMax) return;
  const rings = pool.get(ring.length);
  if (rings === undefined) pool.set(ring.length, [ring]);
  else if (rings.length < ringsMax) rings.push(ring);
}
