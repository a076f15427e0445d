/**
 * Job logs where they are written and where they are kept: a folder of this server for those under way, blobs
 * for those that have ended. Whoever reads need not know which.
 *
 *  A1. A log is in the folder until all of it is in a blob; then the file goes. So a crash between the two
 *      leaves both, and the next start takes the file away: nothing is lost, nothing is there twice.
 *  A2. Where there is a file it is what counts. Only after it has gone is the blob the log, and nothing is added
 *      to it any more (`TROUPE_LOG_SEALED`).
 *  A3. A reader that was in the file when it went goes on in the blob, at its offset.
 *  A4. A store that cannot take files over gets a long log in segments while it is written, so that its end
 *      does not move gigabytes; and gives back what a disk has lost of the file since.
 */
import { dirname } from "node:path";
import type { BlobStore } from "../blobs/index.ts";
import { type Clock, type Logger, limits, TroupeError } from "../kernel/index.ts";
import type { FolderLogStore } from "./folder-log-store.ts";
import { LogArchiver } from "./log-archiver.ts";
import {
  blobKeyOf,
  blobKeyOfPath,
  LogName,
  logBlobs,
  logPath,
  pathOfBlobKey,
  timesPath,
  withoutTimes,
} from "./log-name.ts";
import {
  checkRetention,
  expiredLogs,
  type FinishedLog,
  type LogRetention,
} from "./log-retention.ts";
import type { AttemptKey, LogPiece, LogStore } from "./log-store.ts";
import { type LogTime, LogTimesCursor } from "./log-times.ts";

export interface ArchivedLogStoreOptions {
  readonly folder: FolderLogStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How a long log is cut on its way into a blob. Default `limits.logSegmentBytes`. */
  readonly segmentBytes?: number;
}

export interface ExpireOptions {
  /** Ids of runs whose logs stay. */
  readonly heldRuns?: readonly string[];
  /** Called with the end of the newest log that goes, before the first one does. */
  readonly before?: (endedAtMs: number) => Promise<void>;
}

const anyAttempt = { job: "-", attempt: 1 };

export class ArchivedLogStore implements LogStore {
  readonly #folder: FolderLogStore;
  readonly #blobs: BlobStore;
  readonly #archiver: LogArchiver;
  /** By blob key: what this process may add to, the one opened longest ago first. */
  readonly #writable = new Map<string, Promise<void>>();
  /** By path: who follows the file. */
  readonly #followers = new Map<string, Set<AbortController>>();

  constructor(options: ArchivedLogStoreOptions) {
    this.#folder = options.folder;
    this.#blobs = options.blobs;
    const onMoved = (path: string): void => {
      for (const follower of this.#followers.get(path) ?? []) follower.abort();
    };
    const segmentBytes = options.segmentBytes ?? limits.logSegmentBytes;
    this.#archiver = new LogArchiver({ ...options, segmentBytes, onMoved });
  }

  /** Goes on with what the last process has left: logs that had ended and were not in a blob yet (A1). */
  async start(): Promise<void> {
    for (const { path, bytes } of await this.#folder.finished()) {
      if (bytes > 0) this.#archiver.add(path);
      else if (await this.#isThere(blobKeyOfPath(this.#folder.directory, path))) {
        // Only the seal was left of it.
        await this.#folder.remove(path);
      }
    }
  }

  async append(
    key: AttemptKey,
    offset: number,
    data: Uint8Array,
    times: readonly LogTime[] = [],
  ): Promise<number> {
    const refused = await this.#refusal(key);
    if (refused !== undefined) {
      // What is stored may be said again; more of it may not.
      if (offset + data.byteLength <= refused) return refused;
      throw new TroupeError("TROUPE_LOG_SEALED", { log: blobKeyOf(key) });
    }
    const end = await this.#folder.append(key, offset, data, times);
    this.#archiver.grown(this.#folder.pathOf(key), end);
    return end;
  }

  async end(key: AttemptKey): Promise<number> {
    const end = await this.#folder.end(key);
    if (end > 0 || (await this.#folder.holds(key))) return end;
    return (await this.#blobs.stat(blobKeyOf(key)))?.bytes ?? 0;
  }

  async read(key: AttemptKey, offset: number, bytesMax: number): Promise<Uint8Array> {
    const data = await this.#folder.read(key, offset, bytesMax);
    if (data.byteLength > 0 || (await this.#folder.holds(key))) return data;
    const pieces: Uint8Array[] = [];
    for await (const piece of this.#fromBlob(key, offset, bytesMax)) pieces.push(piece.data);
    return Buffer.concat(pieces);
  }

  /** Records are the same, and at the same place, in the file and in the blob that it becomes. */
  times(key: AttemptKey): LogTimesCursor {
    const blobKey = timesPath(blobKeyOf(key));
    return new LogTimesCursor(async (offset, bytesMax) => {
      const found = await this.#folder.readTimes(key, offset, bytesMax);
      if (found.byteLength > 0 || !(await this.#isThere(blobKey))) return found;
      const pieces: Uint8Array[] = [];
      for await (const data of this.#blobs.get(blobKey, { offset, length: bytesMax })) {
        pieces.push(data);
      }
      return Buffer.concat(pieces);
    });
  }

  /** The log has ended. It goes into a blob in its own time. */
  async seal(key: AttemptKey): Promise<void> {
    if ((await this.#refusal(key)) !== undefined) return;
    await this.#folder.seal(key);
    this.#writable.delete(blobKeyOf(key));
    this.#archiver.add(this.#folder.pathOf(key));
  }

  async *follow(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncGenerator<LogPiece> {
    let position = offset;
    const moved = new AbortController();
    const path = this.#folder.pathOf(key);
    const followers = this.#followers.get(path) ?? new Set();
    this.#followers.set(path, followers.add(moved));
    try {
      if ((await this.#folder.holds(key)) || !(await this.#isThere(blobKeyOf(key)))) {
        const wake = signal === undefined ? moved.signal : AbortSignal.any([moved.signal, signal]);
        for await (const piece of this.#folder.follow(key, position, wake)) {
          yield piece;
          position = piece.offset + piece.data.byteLength;
        }
      }
    } finally {
      followers.delete(moved);
      if (followers.size === 0 && this.#followers.get(path) === followers) {
        this.#followers.delete(path);
      }
    }
    yield* this.#rest(key, position, signal);
  }

  async *stored(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncGenerator<LogPiece> {
    let position = offset;
    for await (const piece of this.#folder.stored(key, position, signal)) {
      yield piece;
      position = piece.offset + piece.data.byteLength;
    }
    yield* this.#rest(key, position, signal);
  }

  /** Logs that somebody may still write. */
  async unsealed(): Promise<LogName[]> {
    const { directory } = this.#folder;
    const names = (await this.#folder.unfinished()).map((path) => LogName.of(directory, path));
    return names.filter((name) => name !== undefined);
  }

  /** As `FolderLogStore.expire`, wherever the logs are. Logs of held runs count, but stay. */
  async expire(
    retention: LogRetention,
    nowMs: number,
    { heldRuns = [], before = async () => {} }: ExpireOptions = {},
  ): Promise<number> {
    checkRetention(retention);
    const directory = this.#folder.directory;
    const written = await this.#folder.unfinished();
    const logs = new Map<string, FinishedLog>();
    for await (const { key, bytes, changedAtMs } of this.#blobs.list(logBlobs)) {
      const path = pathOfBlobKey(directory, withoutTimes(key));
      const known = logs.get(path);
      logs.set(path, {
        path,
        bytes: bytes + (known?.bytes ?? 0),
        endedAtMs: Math.max(changedAtMs, known?.endedAtMs ?? 0),
      });
    }
    for (const log of await this.#folder.finished()) logs.set(log.path, log);
    for (const path of written) logs.delete(path);
    const held = new Set(
      heldRuns.map((runId) => dirname(logPath(directory, { ...anyAttempt, runId }))),
    );
    const expired = expiredLogs([...logs.values()], retention, nowMs).filter(
      ({ path }) => !held.has(dirname(path)),
    );
    const newest = expired.at(-1);
    if (newest !== undefined) await before(newest.endedAtMs);
    for (const { path } of expired) {
      await this.#archiver.forget(path);
      const key = blobKeyOfPath(directory, path);
      await this.#blobs.delete(key);
      await this.#blobs.delete(timesPath(key));
    }
    return expired.length;
  }

  /** Resolves when every log that has ended so far is in a blob, or could not be put into one at this time. */
  archived(): Promise<void> {
    return this.#archiver.idle();
  }

  async close(): Promise<void> {
    await this.#archiver.close();
    await this.#folder.close();
  }

  /** A3. Nothing where the file is still there, for then all of it was read. */
  async *#rest(key: AttemptKey, offset: number, signal?: AbortSignal): AsyncGenerator<LogPiece> {
    if (isOver(signal) || (await this.#folder.holds(key))) return;
    for await (const piece of this.#fromBlob(key, offset)) {
      if (isOver(signal)) return;
      yield piece;
    }
  }

  async *#fromBlob(key: AttemptKey, offset: number, length?: number): AsyncGenerator<LogPiece> {
    if (!(await this.#isThere(blobKeyOf(key)))) return;
    let position = offset;
    const range = length === undefined ? { offset } : { offset, length };
    for await (const data of this.#blobs.get(blobKeyOf(key), range)) {
      yield { offset: position, data };
      position += data.byteLength;
    }
  }

  async #isThere(blobKey: string): Promise<boolean> {
    return (await this.#blobs.stat(blobKey)) !== undefined;
  }

  /** A2: the end of a log that has ended; undefined for one that may be added to. The stores are asked once per log. */
  async #refusal(key: AttemptKey): Promise<number | undefined> {
    if (this.#archiver.hasEnded(this.#folder.pathOf(key))) return this.end(key);
    const blobKey = blobKeyOf(key);
    const known = this.#writable.get(blobKey);
    if (known !== undefined) {
      await known;
      return undefined;
    }
    const blob = await this.#blobs.stat(blobKey);
    if (blob !== undefined && !(await this.#folder.holds(key))) return blob.bytes;
    const opened = this.#restore(key, blob?.bytes ?? 0);
    this.#writable.set(blobKey, opened);
    const [oldest] = this.#writable.keys();
    if (this.#writable.size > limits.blobsKnownMax && oldest !== undefined) {
      this.#writable.delete(oldest);
    }
    opened.catch(() => this.#writable.delete(blobKey));
    await opened;
    return undefined;
  }

  /** A4: segments in the blob that the file does not have any more. */
  async #restore(key: AttemptKey, blobEnd: number): Promise<void> {
    const end = await this.#folder.end(key);
    for await (const { offset, data } of this.#fromBlob(key, end, Math.max(0, blobEnd - end))) {
      await this.#folder.append(key, offset, data);
    }
  }
}

function isOver(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
