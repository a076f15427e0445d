/**
 * A list as plain data whose copy with one changed item costs O(chunk + n / chunk) instead of O(n):
 * an event of a run with 10⁵ jobs copies about a thousand references, not a hundred thousand.
 * Values are never changed in place; old versions stay valid.
 */
export interface ChunkedList<T> {
  readonly length: number;
  readonly chunks: readonly (readonly T[])[];
}

/** About the square root of the largest run: balances the two copies that a change makes. */
const chunkItems = 256;

export function chunkedList<T>(items: readonly T[]): ChunkedList<T> {
  const chunks: T[][] = [];
  for (let start = 0; start < items.length; start += chunkItems) {
    chunks.push(items.slice(start, start + chunkItems));
  }
  return { length: items.length, chunks };
}

export function itemAt<T>(list: ChunkedList<T>, index: number): T {
  const item = list.chunks[Math.floor(index / chunkItems)]?.[index % chunkItems];
  if (item === undefined) throw new RangeError(`index ${index} of a list of ${list.length}`);
  return item;
}

export function* itemsOf<T>(list: ChunkedList<T>): Generator<T> {
  for (const chunk of list.chunks) yield* chunk;
}

/** Collects changes; each chunk is copied at most once, however many of its items change. */
export class ChunkedListEdit<T> {
  readonly #list: ChunkedList<T>;
  readonly #copies = new Map<number, T[]>();

  constructor(list: ChunkedList<T>) {
    this.#list = list;
  }

  get(index: number): T {
    const copy = this.#copies.get(Math.floor(index / chunkItems));
    return copy?.[index % chunkItems] ?? itemAt(this.#list, index);
  }

  set(index: number, item: T): void {
    const at = Math.floor(index / chunkItems);
    let copy = this.#copies.get(at);
    if (copy === undefined) {
      copy = [...(this.#list.chunks[at] ?? [])];
      this.#copies.set(at, copy);
    }
    copy[index % chunkItems] = item;
  }

  /** The changed list; unchanged chunks are shared with the one before. */
  done(): ChunkedList<T> {
    if (this.#copies.size === 0) return this.#list;
    const chunks = [...this.#list.chunks];
    for (const [at, copy] of this.#copies) chunks[at] = copy;
    return { length: this.#list.length, chunks };
  }
}
