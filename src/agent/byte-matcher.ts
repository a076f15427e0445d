/**
 * Aho–Corasick over bytes: one pass finds every occurrence of any number of patterns.
 * Knows nothing of secrets or streams; `mask.ts` builds on it.
 *
 *   M1. A state stands for a string; it is the longest suffix of the input that begins some pattern.
 *   M2. States are numbered in breadth-first order, so a state's fallback has a smaller number.
 *   M3. `longest[state]` is the length of the longest pattern that ends at this state, 0 = none.
 *       Shorter patterns that end here lie inside it.
 *
 * The first `denseStates` states, where nearly all bytes of ordinary text are spent, have a full
 * row of transitions; deeper ones walk their children, then fall back. So memory stays near 20
 * bytes per pattern byte, whatever the alphabet.
 *
 *   M4. Whatever begins at position p covers the `windowBytes` from p on; if the last three of these stand in no
 *       pattern's window, or only further left, nothing begins at p nor at the `shift - 1` positions behind it (Wu
 *       and Manber). Three, not two: a hundred secrets in nine forms leave few pairs of letters that stand in none.
 */
export class ByteMatcher {
  /** Length of the string that each state stands for. */
  readonly depth: Int32Array;
  readonly longest: Int32Array;
  /** `dense[state * 256 + byte]` for the states below `denseCount`. Row 0 is the root's. */
  readonly dense: Int32Array;
  denseCount = 0;
  /** The shortest pattern's length, bounded; 0: too short to skip by (M4). */
  readonly windowBytes: number;
  /** By three bytes (`blockHash`): how far a window that ends with them may move; 0 = look here. */
  readonly #shift: Uint8Array;
  readonly #byte: Uint8Array;
  readonly #firstChild: Int32Array;
  readonly #nextSibling: Int32Array;
  readonly #fallback: Int32Array;

  constructor(patterns: readonly Uint8Array[]) {
    const found = patterns.filter((pattern) => pattern.length > 0);
    const trie = breadthFirst(found);
    this.windowBytes = windowOf(found);
    this.#shift = shiftsOf(found, this.windowBytes);
    this.depth = trie.depth;
    this.longest = trie.longest;
    this.#byte = trie.byte;
    this.#firstChild = trie.firstChild;
    this.#nextSibling = trie.nextSibling;
    const count = trie.depth.length;
    this.#fallback = new Int32Array(count);
    this.dense = new Int32Array(Math.min(count, denseStates) * 256);
    for (let state = 0; state < count; state++) {
      this.#link(state);
      if (state < denseStates) this.#fillRow(state);
    }
  }

  /** The state after `byte`. */
  next(state: number, byte: number): number {
    return state < this.denseCount
      ? (this.dense[state * 256 + byte] ?? 0)
      : this.#walk(state, byte);
  }

  /**
   * The first position from `from` on where the window of some pattern stands. Where fewer bytes than a window are
   * left, the first of these: what follows decides. Only with a window.
   */
  skip(bytes: Uint8Array, from: number): number {
    const shift = this.#shift;
    const length = bytes.length;
    const before = this.windowBytes - 1;
    let last = from + before;
    while (last < length) {
      const block = blockHash(
        bytes[last - 2] as number,
        bytes[last - 1] as number,
        bytes[last] as number,
      );
      const by = shift[block] as number;
      if (by !== 0) last += by;
      else if (this.windowAt(bytes, last - before) !== 0) break;
      else last += 1;
    }
    return last - before;
  }

  /** The state after a whole window of some pattern that stands at `from`; 0 = none does. */
  windowAt(bytes: Uint8Array, from: number): number {
    const end = from + this.windowBytes;
    if (end > bytes.length) return 0;
    let state = 0;
    for (let at = from; at < end; at++) {
      state = this.#child(state, bytes[at] as number);
      if (state === 0) return 0;
    }
    return state;
  }

  /** Sets the children's fallbacks: by M2 the fallback's own are known already. */
  #link(state: number): void {
    const longest = this.longest;
    for (let child = this.#first(state); child !== 0; child = this.#sibling(child)) {
      const fallback = state === 0 ? 0 : this.next(this.#fallbackOf(state), this.#byte[child] ?? 0);
      this.#fallback[child] = fallback;
      longest[child] = Math.max(longest[child] ?? 0, longest[fallback] ?? 0);
    }
  }

  /** As the fallback's, which has its row by M2, but for the children. */
  #fillRow(state: number): void {
    const row = state * 256;
    const fallback = this.#fallbackOf(state) * 256;
    if (state > 0) this.dense.copyWithin(row, fallback, fallback + 256);
    for (let child = this.#first(state); child !== 0; child = this.#sibling(child)) {
      this.dense[row + (this.#byte[child] ?? 0)] = child;
    }
    this.denseCount = state + 1;
  }

  #walk(from: number, byte: number): number {
    let state = from;
    for (;;) {
      const child = this.#child(state, byte);
      if (child !== 0 || state === 0) return child;
      state = this.#fallbackOf(state);
    }
  }

  #child(state: number, byte: number): number {
    for (let child = this.#first(state); child !== 0; child = this.#sibling(child)) {
      if (this.#byte[child] === byte) return child;
    }
    return 0;
  }

  #first(state: number): number {
    return this.#firstChild[state] ?? 0;
  }

  #sibling(state: number): number {
    return this.#nextSibling[state] ?? 0;
  }

  #fallbackOf(state: number): number {
    return this.#fallback[state] ?? 0;
  }
}

/** Longer windows skip further, but more pairs of bytes stand in them. */
const windowBytesMax = 16;

function windowOf(patterns: readonly Uint8Array[]): number {
  const shortest = patterns.reduce((min, { length }) => Math.min(min, length), windowBytesMax);
  return shortest < 3 || patterns.length === 0 ? 0 : shortest;
}

const hashBits = 18;
const hashMask = (1 << hashBits) - 1;

/** Three bytes in 18 bits: small enough for a core's own cache. Letters and digits hardly ever collide. */
function blockHash(first: number, second: number, third: number): number {
  return ((first << 11) ^ (second << 5) ^ third) & hashMask;
}

function shiftsOf(patterns: readonly Uint8Array[], windowBytes: number): Uint8Array {
  if (windowBytes === 0) return new Uint8Array(0);
  const shift = new Uint8Array(1 << hashBits).fill(windowBytes - 2);
  for (const pattern of patterns) {
    for (let at = 0; at < windowBytes - 2; at++) {
      const [first, second, third] = pattern.subarray(at, at + 3) as unknown as [
        number,
        number,
        number,
      ];
      const block = blockHash(first, second, third);
      shift[block] = Math.min(shift[block] as number, windowBytes - 3 - at);
    }
  }
  return shift;
}

/** 256 rows of 1 KiB: the root and, for any realistic set of secrets, all states of depth 1 and 2. */
const denseStates = 256;

interface Trie {
  readonly depth: Int32Array;
  readonly longest: Int32Array;
  readonly byte: Uint8Array;
  readonly firstChild: Int32Array;
  readonly nextSibling: Int32Array;
}

/**
 * The trie of the patterns, its nodes numbered breadth first. Sorted patterns with a common prefix
 * stand side by side, so each node is a range of them and no map per node is needed.
 */
function breadthFirst(patterns: readonly Uint8Array[]): Trie {
  const sorted = [...patterns].sort((a, b) => Buffer.compare(a, b));
  const statesMax = 1 + sorted.reduce((sum, pattern) => sum + pattern.length, 0);
  const depth = new Int32Array(statesMax);
  const longest = new Int32Array(statesMax);
  const byte = new Uint8Array(statesMax);
  const firstChild = new Int32Array(statesMax);
  const nextSibling = new Int32Array(statesMax);
  const rangeFrom = new Int32Array(statesMax);
  const rangeTo = new Int32Array(statesMax);
  rangeTo[0] = sorted.length;
  let count = 1;
  for (let state = 0; state < count; state++) {
    const at = depth[state] ?? 0;
    let previous = 0;
    for (let index = rangeFrom[state] ?? 0; index < (rangeTo[state] ?? 0); index++) {
      const value = sorted[index]?.[at];
      if (value === undefined) {
        longest[state] = at;
        continue;
      }
      if (previous === 0 || byte[previous] !== value) {
        const child = count++;
        depth[child] = at + 1;
        byte[child] = value;
        rangeFrom[child] = index;
        if (previous === 0) firstChild[state] = child;
        else nextSibling[previous] = child;
        previous = child;
      }
      rangeTo[previous] = index + 1;
    }
  }
  return {
    depth: depth.slice(0, count),
    longest: longest.slice(0, count),
    byte: byte.slice(0, count),
    firstChild: firstChild.slice(0, count),
    nextSibling: nextSibling.slice(0, count),
  };
}
