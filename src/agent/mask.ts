/**
 * Replaces secrets by `***` in a stream of bytes that is cut anywhere.
 * Boundary: patterns come ready made (`secret-forms.ts`); where the bytes go is the caller's business.
 *
 *   K1. A byte is masked iff it lies in some occurrence of some pattern; occurrences that overlap
 *       or touch become one mask. How the stream was cut makes no difference.
 *   K2. Held back is only what may still turn out to be masked: the longest end of the input that
 *       begins a pattern. Time never releases it, or a secret printed in two halves would pass;
 *       the end of the stream does.
 *   K3. What is emitted may point into the caller's chunk: it is valid until `push` returns.
 */
import { ByteMatcher } from "./byte-matcher.ts";

export const maskBytes: Buffer = Buffer.from("***");

export class Masker {
  readonly #matcher: ByteMatcher;
  readonly #emit: (bytes: Uint8Array) => void;
  #state = 0;
  /** The bytes held back (K2), and the masked ranges among them, counted from the first of them. */
  #held: Uint8Array = new Uint8Array(0);
  #ranges: MaskedRange[] = [];
  #maskedLast = false;

  /** With no patterns all bytes pass untouched. */
  constructor(patterns: readonly Uint8Array[], emit: (bytes: Uint8Array) => void) {
    this.#matcher = new ByteMatcher(patterns);
    this.#emit = emit;
  }

  push(chunk: Uint8Array): void {
    const heldCount = this.#held.length;
    this.#scan(chunk, heldCount);
    const total = heldCount + chunk.length;
    this.#release(chunk, this.#frontier(total), total);
  }

  /** The stream is over: what was held back was no secret. The masker is as new afterwards. */
  end(): void {
    const none = new Uint8Array(0);
    this.#release(none, this.#held.length, this.#held.length);
    this.#state = 0;
    this.#maskedLast = false;
  }

  /**
   * Finds the masked ranges. Nearly all bytes are skipped; the automaton sees those from where a whole window of a
   * pattern stands until all that has begun is shorter than one. Then it is skipped again, from the beginning of that.
   */
  #scan(chunk: Uint8Array, offset: number): void {
    const matcher = this.#matcher;
    const { dense, denseCount, longest, depth, windowBytes } = matcher;
    const length = chunk.length;
    let state = this.#state;
    let index = 0;
    while (index < length) {
      let window = 0;
      if (state === 0 && windowBytes > 0) {
        index = matcher.skip(chunk, index);
        window = matcher.windowAt(chunk, index);
      }
      if (window !== 0) {
        state = window;
        index += windowBytes;
      } else {
        const byte = chunk[index++] as number;
        state =
          state < denseCount ? (dense[(state << 8) | byte] as number) : matcher.next(state, byte);
      }
      const found = longest[state] as number;
      // Below zero lie bytes already released, and only masked ones are released early.
      if (found !== 0) this.#mark(Math.max(0, offset + index - found), offset + index);
      const begun = index - (depth[state] as number);
      if (index - begun < windowBytes && begun >= 0 && begun + windowBytes <= length) {
        index = begun;
        state = 0;
      }
    }
    this.#state = state;
  }

  #mark(from: number, to: number): void {
    let start = from;
    let last = this.#ranges.at(-1);
    while (last !== undefined && start <= last.to) {
      start = Math.min(start, last.from);
      this.#ranges.pop();
      last = this.#ranges.at(-1);
    }
    this.#ranges.push({ from: start, to });
  }

  /** Where the undecided bytes begin: masked ones are decided whatever follows. */
  #frontier(total: number): number {
    const undecided = Math.max(0, total - (this.#matcher.depth[this.#state] ?? 0));
    const across = this.#ranges.find((range) => range.from <= undecided && undecided < range.to);
    return across?.to ?? undecided;
  }

  #release(chunk: Uint8Array, frontier: number, total: number): void {
    let at = 0;
    for (const range of this.#ranges) {
      if (range.from >= frontier) break;
      this.#plain(chunk, at, range.from);
      if (!this.#maskedLast) this.#emit(maskBytes);
      this.#maskedLast = true;
      at = range.to;
    }
    this.#plain(chunk, at, frontier);
    this.#ranges = this.#ranges
      .filter((range) => range.from >= frontier)
      .map((range) => ({ from: range.from - frontier, to: range.to - frontier }));
    this.#held = this.#copy(chunk, frontier, total);
  }

  #plain(chunk: Uint8Array, from: number, to: number): void {
    if (from >= to) return;
    this.#maskedLast = false;
    const heldCount = this.#held.length;
    if (from < heldCount) this.#emit(this.#held.subarray(from, Math.min(to, heldCount)));
    if (to > heldCount) {
      this.#emit(chunk.subarray(Math.max(from - heldCount, 0), to - heldCount));
    }
  }

  #copy(chunk: Uint8Array, from: number, to: number): Uint8Array {
    const bytes = new Uint8Array(to - from);
    const heldCount = this.#held.length;
    if (from < heldCount) bytes.set(this.#held.subarray(from), 0);
    const chunkFrom = Math.max(from - heldCount, 0);
    bytes.set(chunk.subarray(chunkFrom, to - heldCount), Math.max(heldCount - from, 0));
    return bytes;
  }
}

interface MaskedRange {
  readonly from: number;
  readonly to: number;
}
