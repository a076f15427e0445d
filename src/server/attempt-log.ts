/** Reading one attempt's log to its end, live while the attempt is. Reading changes nothing. */
import type {
  AttemptKey,
  LogPiece,
  LogStore,
  LogTime,
  LogTimesCursor,
} from "../actors/logs/index.ts";

export interface TailOptions {
  readonly offset: number;
  /** Fires when no more bytes will come; what is stored by then is still read. */
  readonly over: AbortSignal;
  /** The reader leaves. */
  readonly signal: AbortSignal;
}

/** Ends when the log is sealed, or when the attempt is over and all that is stored has been read. */
export async function* tailAttempt(
  logs: LogStore,
  key: AttemptKey,
  { offset, over, signal }: TailOptions,
): AsyncGenerator<LogPiece, void, undefined> {
  let position = offset;
  if (!over.aborted) {
    for await (const piece of logs.follow(key, position, AbortSignal.any([over, signal]))) {
      yield piece;
      position = piece.offset + piece.data.byteLength;
    }
  }
  yield* logs.stored(key, position, signal);
}

/** When the bytes of a piece came; nothing where it was not asked for. */
export async function timesOfPiece(
  times: LogTimesCursor | undefined,
  { offset, data }: LogPiece,
): Promise<LogTime[]> {
  return times === undefined ? [] : times.between(offset, offset + data.byteLength);
}
