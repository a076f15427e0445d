/**
 * Bounds what full segments hold in memory: the least recently used ones give back their file
 * descriptor and their index. A segment that somebody reads from just now is passed over.
 */
import type { Segment } from "./segment.ts";

export interface SegmentPoolLimits {
  readonly openFilesMax: number;
  readonly indexBytesMax: number;
}

export class SegmentPool {
  readonly #limits: SegmentPoolLimits;
  /** Least recently used first: a Set keeps the order of insertion. */
  readonly #recent = new Set<Segment>();

  constructor(limits: SegmentPoolLimits) {
    this.#limits = limits;
  }

  /** Called after each use of a full segment; may close and drop others, never this one. */
  async touch(segment: Segment): Promise<void> {
    this.#recent.delete(segment);
    this.#recent.add(segment);
    let openFiles = 0;
    let indexBytes = 0;
    for (const one of this.#recent) {
      if (one.isOpen) openFiles++;
      indexBytes += one.indexBytes;
    }
    for (const one of this.#recent) {
      const withinBounds =
        openFiles <= this.#limits.openFilesMax && indexBytes <= this.#limits.indexBytesMax;
      if (withinBounds || one === segment) break;
      if (one.isBusy) continue;
      this.#recent.delete(one);
      if (one.isOpen) openFiles--;
      indexBytes -= one.indexBytes;
      one.dropIndex();
      await one.closeFile();
    }
  }

  forget(segment: Segment): void {
    this.#recent.delete(segment);
  }
}
