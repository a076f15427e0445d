/**
 * A set of small whole numbers as plain data, one bit each. Ranks of jobs live in it, so that "the
 * most urgent job that …" is the first bit set. 10⁵ jobs take 3,125 words: a copy is about 2 µs.
 */
export type RankSet = readonly number[];

export function emptyRankSet(size: number): RankSet {
  return new Array<number>(Math.ceil(size / 32)).fill(0);
}

function hasRank(set: RankSet, rank: number): boolean {
  return ((set[rank >>> 5] ?? 0) & (1 << (rank & 31))) !== 0;
}

/** The smallest member, or undefined for the empty set. */
export function firstRank(set: RankSet): number | undefined {
  for (let word = 0; word < set.length; word++) {
    const bits = set[word] ?? 0;
    if (bits !== 0) return word * 32 + (31 - Math.clz32(bits & -bits));
  }
  return undefined;
}

/** Collects changes; copies the set at the first one. */
export class RankSetEdit {
  #set: RankSet;
  #copy: number[] | undefined;

  constructor(set: RankSet) {
    this.#set = set;
  }

  has(rank: number): boolean {
    return hasRank(this.#set, rank);
  }

  add(rank: number): void {
    if (!hasRank(this.#set, rank)) this.#flip(rank);
  }

  delete(rank: number): void {
    if (hasRank(this.#set, rank)) this.#flip(rank);
  }

  done(): RankSet {
    return this.#set;
  }

  #flip(rank: number): void {
    this.#copy ??= [...this.#set];
    this.#set = this.#copy;
    this.#copy[rank >>> 5] = (this.#copy[rank >>> 5] ?? 0) ^ (1 << (rank & 31));
  }
}
