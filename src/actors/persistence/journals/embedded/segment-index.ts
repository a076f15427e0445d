/**
 * Where the records of each shard stand within one segment: offset and length, in order.
 * Eight bytes a record in typed arrays, so that a million records cost 8 MB and no objects.
 */
class ShardRecords {
  count = 0;
  offsets = new Uint32Array(8);
  lengths = new Uint32Array(8);

  add(offset: number, length: number): void {
    if (this.count === this.offsets.length) this.#resize(Math.ceil(this.count * 1.5));
    this.offsets[this.count] = offset;
    this.lengths[this.count] = length;
    this.count++;
  }

  trim(): void {
    if (this.count < this.offsets.length) this.#resize(this.count);
  }

  #resize(capacity: number): void {
    const offsets = new Uint32Array(capacity);
    const lengths = new Uint32Array(capacity);
    offsets.set(this.offsets.subarray(0, this.count));
    lengths.set(this.lengths.subarray(0, this.count));
    this.offsets = offsets;
    this.lengths = lengths;
  }
}

export class SegmentIndex {
  readonly #shards = new Map<number, ShardRecords>();

  /** Records of a shard are added in the order of their offsets. */
  add(shard: number, offset: number, length: number): void {
    let records = this.#shards.get(shard);
    if (records === undefined) {
      records = new ShardRecords();
      this.#shards.set(shard, records);
    }
    records.add(offset, length);
  }

  count(shard: number): number {
    return this.#shards.get(shard)?.count ?? 0;
  }

  /** The number, counted from 0, of the shard's first record at or after `offset`. */
  firstFrom(shard: number, offset: number): number {
    const records = this.#shards.get(shard);
    if (records === undefined) return 0;
    let low = 0;
    let high = records.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((records.offsets[middle] ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  offsetAt(shard: number, number: number): number {
    return this.#shards.get(shard)?.offsets[number] ?? 0;
  }

  lengthAt(shard: number, number: number): number {
    return this.#shards.get(shard)?.lengths[number] ?? 0;
  }

  /** Gives back room that was kept for growth: no record is added any more. */
  trim(): void {
    for (const records of this.#shards.values()) records.trim();
  }

  get bytes(): number {
    let total = 0;
    for (const records of this.#shards.values()) total += records.offsets.byteLength * 2;
    return total;
  }
}
