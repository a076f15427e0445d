/**
 * The memory in which large messages are put together, used again once a message has gone out: a flood of log would
 * make the garbage collector mark the whole heap ten times a second for buffers alone.
 *
 *   B1. Messages are taken and released in the same order, which is that of a stream's writes.
 *   B2. Whoever takes a message must be done with its bytes before it is released.
 */
import { agentLimits } from "./limits.ts";

/** What a piece of log may have around it: its attempt, offset and times. A message that needs more is no spare's matter. */
const spareBytes = agentLimits.logChunkBytesMax + 4_096;
/** Smaller ones live as long in the young generation, and cost nothing there. */
const sparedFromBytes = 16 * 1024;
/** A stream takes no more than these at once. */
const sparesMax = 16;

export class MessageBuffers {
  readonly #spares: Buffer[] = [];
  /** Of the messages under way, the oldest first; undefined = it has memory of its own. */
  readonly #taken: (Buffer | undefined)[] = [];

  /** Memory for the next message. */
  take(bytes: number): Buffer {
    const isSpared = bytes >= sparedFromBytes && bytes <= spareBytes;
    const buffer = isSpared
      ? (this.#spares.pop() ?? Buffer.allocUnsafeSlow(spareBytes))
      : undefined;
    this.#taken.push(buffer);
    return buffer?.subarray(0, bytes) ?? Buffer.allocUnsafe(bytes);
  }

  /** The oldest message has gone out. */
  release(): void {
    const buffer = this.#taken.shift();
    if (buffer !== undefined && this.#spares.length < sparesMax) this.#spares.push(buffer);
  }
}
