/** The errors that all journals have in common. */
import { TroupeError } from "../../kernel/index.ts";
import type { AppendRequest, Position } from "../journal.ts";

export function noSuchShard(shard: number, shards: number): TroupeError {
  const expected = `a whole number below ${shards}`;
  return new TroupeError("TROUPE_OPTION_INVALID", {
    option: "shard",
    expected,
    got: String(shard),
  });
}

export function isShard(shard: number, shards: number): boolean {
  return Number.isInteger(shard) && shard >= 0 && shard < shards;
}

export function outOfRange(shard: number, position: Position, first: Position): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_OUT_OF_RANGE", { shard, position, first });
}

/** Something points to where nothing was ever written: the log has lost its end. */
export function beyondEnd(shard: number, position: Position, end: Position): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_CORRUPT", {
    where: `position ${position} of shard ${shard}`,
    problem: `something points there, but the log ends at ${end}`,
  });
}

export function recordTooLarge({ shard, bytes }: AppendRequest, bytesMax: number): TroupeError {
  const details = { shard, bytes: bytes.byteLength, bytesMax };
  return new TroupeError("TROUPE_RECORD_TOO_LARGE", details);
}

export function closed(journal: string): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_CLOSED", { journal });
}

export function openedReadOnly(journal: string): TroupeError {
  const reason = "it was opened for reading only";
  return new TroupeError("TROUPE_JOURNAL_READ_ONLY", { journal, reason });
}
