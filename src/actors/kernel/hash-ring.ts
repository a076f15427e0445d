/**
 * Consistent hashing: keys stay with their member when another one comes or goes.
 * Pure data; a change makes a new ring.
 */

/** Points of each member on the ring: evens out the shares to about ±20 %. */
const pointsPerMember = 64;

/** FNV-1a over UTF-16 units, mixed at the end so that similar keys spread. */
export function hashKey(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

interface Point<T> {
  readonly hash: number;
  readonly member: T;
}

export class HashRing<T> {
  readonly #points: readonly Point<T>[];

  /** `members` by name; a name keeps its place whatever the others are. */
  constructor(members: ReadonlyMap<string, T>) {
    const points: Point<T>[] = [];
    for (const [name, member] of members) {
      for (let i = 0; i < pointsPerMember; i++)
        points.push({ hash: hashKey(`${name}:${i}`), member });
    }
    this.#points = points.sort((a, b) => a.hash - b.hash);
  }

  /** The member that has `key`; undefined when there is none. */
  find(key: string): T | undefined {
    const hash = hashKey(key);
    let low = 0;
    let high = this.#points.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#points[middle] as Point<T>).hash < hash) low = middle + 1;
      else high = middle;
    }
    return (this.#points[low] ?? this.#points[0])?.member;
  }
}
