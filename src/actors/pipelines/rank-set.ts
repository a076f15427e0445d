/**
 * A set of small whole numbers as plain data, one bit each, in chunks of 1,024. Ranks of jobs live in
 * it, so that "the most urgent job that …" is the first bit set. A chunk without members is an empty
 * list: in a set over 10⁵ ranks, finding the first member and changing one both touch about 130 numbers.
 */
export type RankSet = readonly (readonly number[])[];

const chunkWords = 32;
const chunkRanks = chunkWords * 32;

export function emptyRankSet(size: number): RankSet {
  return Array.from({ length: Math.ceil(size / chunkRanks) }, () => []);
}

/** The smallest member, or undefined for the empty set. */
export function firstRank(set: RankSet): number | undefined {
  const at = set.findIndex((chunk) => chunk.length > 0);
  const chunk = set[at] ?? [];
  for (let word = 0; word < chunk.length; word++) {
    const bits = chunk[word] ?? 0;
    if (bits !== 0) return at * chunkRanks + word * 32 + (31 - Math.clz32(bits & -bits));
  }
  return undefined;
}

/** Collects changes; the set before stays as it was. */
export class RankSetEdit {
  #set: RankSet;
  #copy: (readonly number[])[] | undefined;
  readonly #ownChunks = new Map<number, number[]>();

  constructor(set: RankSet) {
    this.#set = set;
  }

  has(rank: number): boolean {
    const word = this.#chunk(rank)[(rank % chunkRanks) >>> 5] ?? 0;
    return (word & (1 << (rank & 31))) !== 0;
  }

  add(rank: number): void {
    if (!this.has(rank)) this.#flip(rank);
  }

  delete(rank: number): void {
    if (this.has(rank)) this.#flip(rank);
  }

  done(): RankSet {
    return this.#set;
  }

  #chunk(rank: number): readonly number[] {
    return this.#set[Math.floor(rank / chunkRanks)] ?? [];
  }

  #flip(rank: number): void {
    this.#copy ??= [...this.#set];
    this.#set = this.#copy;
    const at = Math.floor(rank / chunkRanks);
    let own = this.#ownChunks.get(at);
    if (own === undefined) {
      const before = this.#chunk(rank);
      own = before.length === 0 ? new Array<number>(chunkWords).fill(0) : [...before];
      this.#ownChunks.set(at, own);
    }
    const word = (rank % chunkRanks) >>> 5;
    own[word] = (own[word] ?? 0) ^ (1 << (rank & 31));
    this.#copy[at] = own.every((bits) => bits === 0) ? [] : own;
  }
}
