/**
 * Names and their positions. A Map would do; but to see that a name is new it compares it with others that lie
 * anywhere in memory, and with 100,000 jobs that was a third of their check. Here a part of the hash lies beside the
 * position, and a name is looked at only when that fits.
 *
 *   N1. A name has the position at which it was added first.
 *   N2. No lookup takes more than `stepsMax` steps and one of a Map, whatever names somebody makes up.
 */
const stepsMax = 32;

export class NameIndex {
  readonly #names: string[];
  #size = 0;
  /** At least twice as many as names: the position + 1 (0 = free), and above its bits those of the hash. */
  readonly #slots: Int32Array;
  readonly #slotMask: number;
  readonly #positionMask: number;
  /** Names that have found no free slot in time. */
  #crowdedOut: Map<string, number> | undefined;

  /** `size`: how many names will be added. */
  constructor(size: number) {
    const bits = 32 - Math.clz32(size);
    this.#names = new Array<string>(size);
    this.#slots = new Int32Array(2 << bits);
    this.#slotMask = (2 << bits) - 1;
    this.#positionMask = (1 << bits) - 1;
  }

  /** Adds a name at the next position. Returns the first position of that name. */
  add(name: string): number {
    const position = this.#size++;
    this.#names[position] = name;
    const hash = hashOf(name);
    const slot = this.#find(name, hash);
    if (slot === -1) return this.#addApart(name, position);
    const taken = (this.#slots[slot] ?? 0) & this.#positionMask;
    if (taken > 0) return taken - 1;
    this.#slots[slot] = (hash & ~this.#positionMask) | (position + 1);
    return position;
  }

  get(name: string): number | undefined {
    const slot = this.#find(name, hashOf(name));
    if (slot === -1) return this.#crowdedOut?.get(name);
    const taken = (this.#slots[slot] ?? 0) & this.#positionMask;
    return taken === 0 ? undefined : taken - 1;
  }

  /** Each name once, in the order in which they came. */
  *keys(): Generator<string> {
    for (const [position, name] of this.#names.entries()) {
      if (this.get(name) === position) yield name;
    }
  }

  #addApart(name: string, position: number): number {
    this.#crowdedOut ??= new Map();
    const first = this.#crowdedOut.get(name) ?? position;
    this.#crowdedOut.set(name, first);
    return first;
  }

  /** The slot of this name, or the free one where it belongs; -1 = neither within so many steps. */
  #find(name: string, hash: number): number {
    const slots = this.#slots;
    const slotMask = this.#slotMask;
    const positionMask = this.#positionMask;
    let slot = hash & slotMask;
    for (let step = 0; step < stepsMax; step++) {
      const taken = slots[slot] ?? 0;
      if (taken === 0) return slot;
      const isLike = ((taken ^ hash) & ~positionMask) === 0;
      if (isLike && this.#names[(taken & positionMask) - 1] === name) return slot;
      slot = (slot + 1) & slotMask;
    }
    return -1;
  }
}

/** FNV-1a, its upper bits mixed into the lower ones. */
function hashOf(name: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < name.length; at++) {
    hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
  }
  return hash ^ (hash >>> 15);
}
