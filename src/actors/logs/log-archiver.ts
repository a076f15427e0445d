/**
 * Moves logs from a folder into blobs, one step at a time, and goes on where it was interrupted.
 *
 *  M1. A file is removed only after its blob has all of its bytes; each append names the offset it expects, so
 *      none is ever in a blob twice, whatever was interrupted.
 *  M2. What cannot be stored now is tried again, after pauses that double; the log stays readable in the folder.
 *  M3. At most `limits.logArchivesAtOnce` logs are moved at the same time; each has one segment in memory.
 */
import type { BlobStore } from "../blobs/index.ts";
import { type Clock, type Logger, limits, type Timer } from "../kernel/index.ts";
import type { FolderLogStore } from "./folder-log-store.ts";
import { blobKeyOfPath, timesPath } from "./log-name.ts";

export interface LogArchiverOptions {
  readonly folder: FolderLogStore;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly segmentBytes: number;
  /** Its file is gone: it is in the blob. */
  readonly onMoved: (path: string) => void;
}

interface Moving {
  /** Of a log that is still written: how much of it is in the blob; undefined = nobody has looked yet. */
  storedEnd: number | undefined;
  ended: boolean;
  failures: number;
}

const retryMsMin = 1_000;

export class LogArchiver {
  readonly #options: LogArchiverOptions;
  readonly #logs = new Map<string, Moving>();
  /** By path: to be moved next. */
  readonly #due = new Set<string>();
  readonly #running = new Map<string, Promise<void>>();
  readonly #retries = new Set<Timer>();
  #closed = false;

  constructor(options: LogArchiverOptions) {
    this.#options = options;
  }

  /** This log has ended. */
  add(path: string): void {
    this.#log(path).ended = true;
    this.#ask(path);
  }

  /** It will be moved, or is being moved now. */
  hasEnded(path: string): boolean {
    return this.#logs.get(path)?.ended === true;
  }

  /** This log is now so long, and still written. */
  grown(path: string, end: number): void {
    const { blobs, segmentBytes } = this.#options;
    if (end < segmentBytes || blobs.adopt !== undefined) return;
    if (end - (this.#log(path).storedEnd ?? 0) >= segmentBytes) this.#ask(path);
  }

  /** Takes the file away; one that is being moved is waited for. */
  async forget(path: string): Promise<void> {
    this.#logs.delete(path);
    this.#due.delete(path);
    await this.#running.get(path);
    await this.#options.folder.remove(path);
  }

  /** Resolves when nothing is moved, and nothing waits but for its next try. */
  async idle(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const timer of this.#retries) timer.cancel();
    await this.idle();
  }

  #log(path: string): Moving {
    const known = this.#logs.get(path);
    if (known !== undefined) return known;
    const log: Moving = { storedEnd: undefined, ended: false, failures: 0 };
    this.#logs.set(path, log);
    return log;
  }

  #ask(path: string): void {
    this.#due.add(path);
    this.#next();
  }

  #next(): void {
    for (const path of this.#due) {
      if (this.#closed || this.#running.size >= limits.logArchivesAtOnce) return;
      const log = this.#logs.get(path);
      if (this.#running.has(path)) continue;
      this.#due.delete(path);
      if (log === undefined) continue;
      const done = this.#move(path, log).finally(() => {
        this.#running.delete(path);
        this.#next();
      });
      this.#running.set(path, done);
    }
  }

  /** Never rejects. */
  async #move(path: string, log: Moving): Promise<void> {
    const { clock, logger } = this.#options;
    try {
      // It may end meanwhile; then it is asked for once more.
      const whole = log.ended;
      if (whole) await this.#storeTimes(path);
      const { bytes, rest } = await this.#store(path, log);
      log.failures = 0;
      if (!whole || rest > 0) return;
      // An empty log stays what it is: not every store has empty blobs.
      if (bytes > 0) await this.#options.folder.remove(path);
      this.#logs.delete(path);
      if (bytes > 0) this.#options.onMoved(path);
    } catch (error) {
      const pauseMs = Math.min(limits.logArchiveRetryMaxMs, retryMsMin * 2 ** log.failures);
      log.failures += 1;
      logger.warn("a log could not be put into a blob yet", { path, error, againInMs: pauseMs });
      if (this.#closed) return;
      const again = (): void => {
        this.#retries.delete(timer);
        this.#ask(path);
      };
      const timer = clock.setTimer(pauseMs, again, { background: true });
      this.#retries.add(timer);
    }
  }

  /** Before the log: who finds that in its blob finds its times there too. */
  async #storeTimes(path: string): Promise<void> {
    const { folder, blobs, segmentBytes } = this.#options;
    const key = timesPath(blobKeyOfPath(folder.directory, path));
    const bytes = await folder.timesBytesOf(path);
    if (bytes === 0 || (await blobs.adopt?.(key, timesPath(path))) === true) return;
    let at = (await blobs.stat(key))?.bytes ?? 0;
    while (!this.#closed && at < bytes) {
      const data = await folder.readTimesOf(path, at, Math.min(segmentBytes, bytes - at));
      if (data.byteLength === 0) throw new Error(`its times cannot be read from byte ${at} on`);
      at = await blobs.append(key, at, data);
    }
  }

  /** All of it if it has ended, else whole segments; a close ends it after the present one. */
  async #store(path: string, log: Moving): Promise<{ bytes: number; rest: number }> {
    const { folder, blobs, segmentBytes } = this.#options;
    const key = blobKeyOfPath(folder.directory, path);
    const end = await folder.endOf(path);
    if (log.ended && end > 0 && (await blobs.adopt?.(key, path)) === true)
      return { bytes: end, rest: 0 };
    let at = (await blobs.stat(key))?.bytes ?? 0;
    if (at > end) throw new Error(`the blob has ${at} bytes, the file only ${end}`);
    while (!this.#closed && (log.ended ? at < end : end - at >= segmentBytes)) {
      const data = await folder.readOf(path, at, Math.min(segmentBytes, end - at));
      if (data.byteLength === 0) throw new Error(`the file cannot be read from byte ${at} on`);
      at = await blobs.append(key, at, data);
      log.storedEnd = at;
    }
    return { bytes: at, rest: end - at };
  }
}
