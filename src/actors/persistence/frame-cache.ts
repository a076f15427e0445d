/**
 * Frames that were read lately, for entities that recover at the same time: their events lie in the same frames,
 * and each frame would otherwise be fetched and checked once per entity.
 *
 *  F1. Never holds more than `bytesMax`; the longest unused frames go first.
 *  F2. What stands at a position never changes, so nothing in here is ever wrong.
 */
import type { Frame } from "./frame.ts";
import type { Position } from "./journal.ts";

/** A larger frame would push out too many others. */
const SHARE_MAX = 8;

class Entry {
  readonly frame: Frame;
  readonly position: Position;
  readonly shelf: Map<Position, Entry>;
  /** Used longer ago, and more lately. */
  older: Entry | undefined = undefined;
  newer: Entry | undefined = undefined;

  constructor(frame: Frame, position: Position, shelf: Map<Position, Entry>) {
    this.frame = frame;
    this.position = position;
    this.shelf = shelf;
  }
}

export class FrameCache {
  readonly bytesMax: number;
  readonly #shelves = new Map<number, Map<Position, Entry>>();
  #oldest: Entry | undefined = undefined;
  #newest: Entry | undefined = undefined;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(shard: number, position: Position): Frame | undefined {
    const entry = this.#shelves.get(shard)?.get(position);
    if (entry === undefined) return undefined;
    if (entry !== this.#newest) {
      this.#unlink(entry);
      this.#append(entry);
    }
    return entry.frame;
  }

  put(shard: number, position: Position, frame: Frame): void {
    const { length } = frame.bytes;
    const shelf = this.#shelf(shard);
    if (length * SHARE_MAX > this.bytesMax || shelf.has(position)) return;
    const entry = new Entry(frame, position, shelf);
    shelf.set(position, entry);
    this.#append(entry);
    this.#bytes += length;
    while (this.#bytes > this.bytesMax && this.#oldest !== undefined) this.#drop(this.#oldest);
  }

  #shelf(shard: number): Map<Position, Entry> {
    let shelf = this.#shelves.get(shard);
    if (shelf === undefined) {
      shelf = new Map();
      this.#shelves.set(shard, shelf);
    }
    return shelf;
  }

  #drop(entry: Entry): void {
    entry.shelf.delete(entry.position);
    this.#unlink(entry);
    this.#bytes -= entry.frame.bytes.length;
  }

  #append(entry: Entry): void {
    entry.older = this.#newest;
    if (this.#newest === undefined) this.#oldest = entry;
    else this.#newest.newer = entry;
    this.#newest = entry;
  }

  #unlink(entry: Entry): void {
    if (entry.older === undefined) this.#oldest = entry.newer;
    else entry.older.newer = entry.newer;
    if (entry.newer === undefined) this.#newest = entry.older;
    else entry.newer.older = entry.older;
    entry.older = undefined;
    entry.newer = undefined;
  }
}
