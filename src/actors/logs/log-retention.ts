/** Which finished logs have had their time: by age, by number, by size. A pure decision; the store deletes. */
import { TroupeError } from "../kernel/index.ts";

export interface LogRetention {
  /** Days, hours, whatever it is in ms, counted from a log's end. */
  readonly ageMsMax?: number;
  /** Finished logs that are kept. */
  readonly countMax?: number;
  /** Bytes of all finished logs together. */
  readonly bytesMax?: number;
}

export interface FinishedLog {
  readonly path: string;
  readonly bytes: number;
  readonly endedAtMs: number;
}

/** Throws `TROUPE_OPTION_INVALID`. */
export function checkRetention(retention: LogRetention): void {
  for (const [name, value] of Object.entries(retention)) {
    if (value === undefined || value >= 0) continue;
    const details = { option: `retention.${name}`, expected: "0 or more", got: String(value) };
    throw new TroupeError("TROUPE_OPTION_INVALID", details);
  }
}

/** Those to delete, the oldest first. What is kept is always the newest. */
export function expiredLogs(
  logs: readonly FinishedLog[],
  { ageMsMax, countMax, bytesMax }: LogRetention,
  nowMs: number,
): FinishedLog[] {
  const newestFirst = [...logs].sort((a, b) => b.endedAtMs - a.endedAtMs);
  const endedAtMsMin = nowMs - (ageMsMax ?? Number.POSITIVE_INFINITY);
  let bytes = 0;
  const kept = newestFirst.findIndex((log, index) => {
    bytes += log.bytes;
    return (
      index >= (countMax ?? Number.POSITIVE_INFINITY) ||
      bytes > (bytesMax ?? Number.POSITIVE_INFINITY) ||
      log.endedAtMs < endedAtMsMin
    );
  });
  return kept < 0 ? [] : newestFirst.slice(kept).reverse();
}
