/**
 * A binary heap that knows where each item stands, so that any item can be moved or removed in
 * O(log n). `before(a, b)` must be a strict total order of the items at any moment; after an item's
 * own key has changed, `moved(item)` must be called before anything else.
 */
export class IndexedHeap<T> {
  readonly #before: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #places = new Map<T, number>();

  constructor(before: (a: T, b: T) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  has(item: T): boolean {
    return this.#places.has(item);
  }

  first(): T | undefined {
    return this.#items[0];
  }

  /** All items, in no order. */
  items(): readonly T[] {
    return this.#items;
  }

  add(item: T): void {
    if (this.#places.has(item)) return this.moved(item);
    this.#items.push(item);
    this.#rise(this.#items.length - 1, item);
  }

  /** The item's key has changed: it finds its new place. */
  moved(item: T): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#sink(this.#rise(place, item), item);
  }

  remove(item: T): boolean {
    const place = this.#places.get(item);
    if (place === undefined) return false;
    this.#places.delete(item);
    const last = this.#items.pop();
    if (last !== undefined && last !== item) {
      this.#put(place, last);
      this.moved(last);
    }
    return true;
  }

  #put(place: number, item: T): void {
    this.#items[place] = item;
    this.#places.set(item, place);
  }

  #rise(from: number, item: T): number {
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#items[above];
      if (parent === undefined || !this.#before(item, parent)) break;
      this.#put(place, parent);
      place = above;
    }
    this.#put(place, item);
    return place;
  }

  #sink(from: number, item: T): void {
    let place = from;
    for (;;) {
      const below = this.#firstBelow(place);
      const child = below === undefined ? undefined : this.#items[below];
      if (below === undefined || child === undefined || !this.#before(child, item)) break;
      this.#put(place, child);
      place = below;
    }
    this.#put(place, item);
  }

  #firstBelow(place: number): number | undefined {
    const leftPlace = 2 * place + 1;
    const left = this.#items[leftPlace];
    if (left === undefined) return undefined;
    const right = this.#items[leftPlace + 1];
    return right !== undefined && this.#before(right, left) ? leftPlace + 1 : leftPlace;
  }
}
