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

export class FrameCache {
  readonly bytesMax: number;
  /** Least recently used first. */
  readonly #frames = new Map<string, Frame>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(shard: number, position: Position): Frame | undefined {
    const key = keyOf(shard, position);
    const frame = this.#frames.get(key);
    if (frame === undefined) return undefined;
    this.#frames.delete(key);
    this.#frames.set(key, frame);
    return frame;
  }

  put(shard: number, position: Position, frame: Frame): void {
    const { length } = frame.bytes;
    const key = keyOf(shard, position);
    if (length * SHARE_MAX > this.bytesMax || this.#frames.has(key)) return;
    this.#frames.set(key, frame);
    this.#bytes += length;
    for (const [oldest, { bytes }] of this.#frames) {
      if (this.#bytes <= this.bytesMax) return;
      this.#frames.delete(oldest);
      this.#bytes -= bytes.length;
    }
  }
}

function keyOf(shard: number, position: Position): string {
  return `${shard} ${position}`;
}
