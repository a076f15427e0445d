/**
 * When the bytes of one attempt's log came from the job, until the server has them. A row of marks, each good from its
 * offset on until the next.
 *
 *   T1. Two marks are `logTimeResolutionMs` apart at least, and at most `logTimesMax` are kept: above it every second
 *       one goes, so that a job that prints through a day without a link costs accuracy, never memory.
 *   T2. By the monotonic clock: the server is told ages, so clocks that disagree do no harm.
 */
import { agentLimits } from "./limits.ts";

export interface LogMark {
  readonly offset: number;
  readonly atMs: number;
}

export class LogTimes {
  #marks: LogMark[] = [];

  /** Bytes from `offset` on have come now. */
  came(offset: number, nowMs: number): void {
    const last = this.#marks.at(-1);
    if (last !== undefined && nowMs - last.atMs < agentLimits.logTimeResolutionMs) return;
    this.#marks.push({ offset, atMs: nowMs });
    if (this.#marks.length <= agentLimits.logTimesMax) return;
    this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
  }

  /** What is below `offset` is of no interest any more. */
  forget(offset: number): void {
    const first = this.#marks.findIndex((mark) => mark.offset > offset);
    const kept = first < 0 ? this.#marks.length - 1 : first - 1;
    if (kept > 0) this.#marks.splice(0, kept);
  }

  /** What holds for the bytes [from, to). */
  between(from: number, to: number): LogMark[] {
    const until = this.#marks.findIndex(({ offset }) => offset >= to);
    const marks = until < 0 ? this.#marks : this.#marks.slice(0, until);
    const first = marks.findLastIndex(({ offset }) => offset <= from);
    return marks.slice(Math.max(0, first));
  }
}
