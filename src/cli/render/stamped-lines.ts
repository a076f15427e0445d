/** A log as it is, but for the time before each of its lines. */
import type { ReadLogResponse } from "../../../proto/troupe/control/v1/control.ts";
import { LineTimes, timeText } from "./line-times.ts";

const newline = 10;

export class StampedLines {
  #atLineStart = true;

  push({ offset, data, times }: Pick<ReadLogResponse, "offset" | "data" | "times">): Buffer {
    const lineTimes = new LineTimes(times);
    const stamped: Buffer[] = [];
    for (let start = 0; start < data.length; ) {
      if (this.#atLineStart) stamped.push(Buffer.from(timeText(lineTimes.at(offset + start))));
      const newlineAt = data.indexOf(newline, start);
      const end = newlineAt < 0 ? data.length : newlineAt + 1;
      stamped.push(data.subarray(start, end));
      this.#atLineStart = newlineAt >= 0;
      start = end;
    }
    return Buffer.concat(stamped);
  }
}
