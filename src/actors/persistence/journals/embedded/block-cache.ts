/**
 * Stretches of the log that were read lately, for the shards that are recovered side by side:
 * their records lie mingled, and each would else read what the others have just read.
 * Holds at most `bytesMax`; the stretch used longest ago goes first.
 */
import type { Segment } from "./segment.ts";

export const blockBytes = 1024 * 1024;

/** A stretch from a multiple of `blockBytes` on; shorter at the end of the log. */
export interface Block {
  readonly bytes: Buffer;
}

export class BlockCache {
  readonly #blocksMax: number;
  /** By position, which no two segments share; used longest ago first. */
  readonly #blocks = new Map<number, Promise<Block>>();

  constructor(bytesMax: number) {
    this.#blocksMax = Math.max(1, Math.floor(bytesMax / blockBytes));
  }

  /** The block with this number of a segment, with all its bytes below the offset `end`. */
  async block(segment: Segment, number: number, end: number): Promise<Block> {
    const start = number * blockBytes;
    const bytes = Math.min(blockBytes, end - start);
    const key = segment.base + start;
    const known = this.#blocks.get(key);
    if (known !== undefined) {
      this.#keep(key, known);
      const block = await known;
      if (block.bytes.length >= bytes) return block;
    }
    const loading = segment.read(start, bytes).then((read) => ({ bytes: read }));
    this.#keep(key, loading);
    try {
      return await loading;
    } catch (error) {
      if (this.#blocks.get(key) === loading) this.#blocks.delete(key);
      throw error;
    }
  }

  #keep(key: number, block: Promise<Block>): void {
    this.#blocks.delete(key);
    this.#blocks.set(key, block);
    if (this.#blocks.size <= this.#blocksMax) return;
    const [oldest] = this.#blocks.keys();
    if (oldest !== undefined) this.#blocks.delete(oldest);
  }
}
