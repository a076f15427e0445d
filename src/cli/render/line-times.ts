/** When lines of a log came, for a person: the time goes before the line, as ISO 8601 in UTC. */
import type { LogTime } from "../../../proto/troupe/control/v1/control.ts";

/** Of one piece of a log; asked line by line, from its beginning on. */
export class LineTimes {
  readonly #times: readonly LogTime[];
  #next = 0;

  constructor(times: readonly LogTime[]) {
    this.#times = times;
  }

  /** When the byte at `offset` came; undefined = nobody knows. */
  at(offset: number): number | undefined {
    while ((this.#times[this.#next]?.offset ?? Number.POSITIVE_INFINITY) <= offset) this.#next++;
    return this.#times[this.#next - 1]?.atMs;
  }
}

const unknownTime = " ".repeat(new Date(0).toISOString().length + 1);

/** Always of the same width. */
export function timeText(atMs: number | undefined): string {
  return atMs === undefined || atMs === 0 ? unknownTime : `${new Date(atMs).toISOString()} `;
}
