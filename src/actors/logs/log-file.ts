/**
 * One attempt's log: an append-only file, what waits to be written to it, and who waits to read on.
 *
 *  F1. `#acceptedEnd` = stored end + bytes waiting. A chunk is cut to what lies above it; one that
 *      begins above it is refused: the file never has a hole.
 *  F2. One write at a time. What arrives meanwhile goes out together with the next write.
 *  F3. An append is answered after its bytes are in the file. A failed write fails all that waited and
 *      the log ends where it ended before; what the write left above that is the beginning of the
 *      right bytes at their right place, so the next write, or the next process, goes on from either.
 *  F4. A waiting reader holds no bytes: it is only woken, and reads at its own pace. What was written
 *      last is read from memory, so that a thousand readers who keep up cost no system calls; one that
 *      falls behind reads from the file.
 *
 * "In the file" means handed to the operating system: it outlives this process, killed or crashed,
 * but not a power cut. A sync per chunk would cost every job's output a disk's round trip.
 */
import { type FileHandle, stat, writeFile } from "node:fs/promises";
import { reasonOf, TroupeError } from "../kernel/index.ts";
import { type DescriptorCache, isNoSuchFile } from "./descriptor-cache.ts";
import { sealPath, timesPath } from "./log-name.ts";
import {
  freshTimes,
  type LogTime,
  lastTimeAt,
  timesBytes,
  timesOf,
  wholeTimesEnd,
} from "./log-times.ts";

/** One write of the operating system takes about this much at most. */
const writeBytesMax = 1024 * 1024;

const noBytes = new Uint8Array(0);

interface Waiting {
  readonly data: Uint8Array;
  readonly times: readonly LogTime[];
  readonly end: number;
  readonly resolve: (end: number) => void;
  readonly reject: (error: unknown) => void;
}

export interface LogFileOptions {
  readonly path: string;
  readonly descriptors: DescriptorCache;
  /** Bytes that may wait to be written. */
  readonly waitingBytesMax: number;
}

export class LogFile {
  readonly #path: string;
  readonly #descriptors: DescriptorCache;
  readonly #waitingBytesMax: number;
  readonly #readers = new Set<() => void>();
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #loaded: Promise<void> | undefined;
  #storedEnd = 0;
  /** Where the next record of times goes; and the last one that is there. */
  #timesEnd = 0;
  #lastTime: LogTime | undefined;
  /** What was written last, the bytes that end at `#storedEnd`; kept only while somebody waits for it. */
  #recent: Uint8Array = noBytes;
  #acceptedEnd = 0;
  #sealed = false;
  #users = 0;

  constructor(options: LogFileOptions) {
    this.#path = options.path;
    this.#descriptors = options.descriptors;
    this.#waitingBytesMax = options.waitingBytesMax;
  }

  /** Nobody writes, reads or waits: it may be dropped and made again from the file. */
  get idle(): boolean {
    return this.#users === 0;
  }

  /** Keeps it from being idle until `release`. */
  hold(): void {
    this.#users++;
  }

  release(): void {
    this.#users--;
    if (this.#users === 0) this.#recent = noBytes;
  }

  append(offset: number, data: Uint8Array, times: readonly LogTime[] = []): Promise<number> {
    return this.#using(async () => {
      if (data.length > 0 && offset + data.length > this.#acceptedEnd) {
        return this.#enqueue(offset, data, times);
      }
      this.#refuseGap(offset);
      // All of it is here already; what part of that still waits must be stored before the answer.
      await this.written();
      if (this.#storedEnd < offset + data.length) throw this.#failure("an earlier write failed");
      return this.#storedEnd;
    });
  }

  end(): Promise<number> {
    return this.#using(async () => this.#storedEnd);
  }

  read(offset: number, bytesMax: number): Promise<Uint8Array> {
    return this.#using(async () => {
      const length = Math.min(bytesMax, this.#storedEnd - offset);
      if (length <= 0) return new Uint8Array(0);
      const inRecent = offset - (this.#storedEnd - this.#recent.length);
      if (inRecent >= 0) return this.#recent.subarray(inRecent, inRecent + length);
      const read = await this.#descriptors.use(this.#path, { create: false }, (file) =>
        readAll(file, offset, length),
      );
      return read ?? new Uint8Array(0);
    });
  }

  /** Resolves when every byte accepted so far is stored and the log is marked as whole. */
  seal(): Promise<void> {
    return this.#using(async () => {
      await this.written();
      if (this.#sealed) return;
      await this.#descriptors.use(this.#path, { create: true }, async () => undefined);
      await writeFile(sealPath(this.#path), "", { mode: 0o600 });
      this.#sealed = true;
      this.#recent = noBytes;
      this.#wakeReaders();
    });
  }

  /** Waits for bytes above `offset`. False: none will ever come, or `wake` was aborted. */
  more(offset: number, wake: AbortSignal): Promise<boolean> {
    return this.#using(async () => {
      while (!wake.aborted && this.#storedEnd <= offset) {
        if (this.#sealed) return false;
        await this.#woken(wake);
      }
      return !wake.aborted;
    });
  }

  async #using<T>(body: () => Promise<T>): Promise<T> {
    this.hold();
    try {
      this.#loaded ??= this.#load();
      await this.#loaded;
      return await body();
    } finally {
      this.release();
    }
  }

  async #load(): Promise<void> {
    try {
      const size = await sizeOf(this.#path);
      this.#storedEnd = size ?? 0;
      this.#acceptedEnd = this.#storedEnd;
      this.#sealed = (await sizeOf(sealPath(this.#path))) !== undefined;
      await this.#loadTimes();
    } catch (error) {
      this.#loaded = undefined;
      throw this.#failure(error);
    }
  }

  async #loadTimes(): Promise<void> {
    const bytes = await sizeOf(timesPath(this.#path));
    this.#timesEnd = wholeTimesEnd(bytes ?? 0);
    const last = await this.readTimes(lastTimeAt(this.#timesEnd), this.#timesEnd);
    this.#lastTime = timesOf(last).at(-1);
  }

  async timesBytes(): Promise<number> {
    return wholeTimesEnd((await sizeOf(timesPath(this.#path))) ?? 0);
  }

  /** Records of times; none where there is no file of them. */
  async readTimes(position: number, bytesMax: number): Promise<Uint8Array> {
    if (position < 0) return noBytes;
    const read = await this.#descriptors.use(timesPath(this.#path), { create: false }, (file) =>
      readAll(file, position, bytesMax),
    );
    return read ?? noBytes;
  }

  #enqueue(offset: number, data: Uint8Array, times: readonly LogTime[]): Promise<number> {
    this.#refuseGap(offset);
    if (this.#sealed) throw new TroupeError("TROUPE_LOG_SEALED", { log: this.#path });
    if (this.#acceptedEnd - this.#storedEnd >= this.#waitingBytesMax) {
      const waitingBytesMax = this.#waitingBytesMax;
      throw new TroupeError("TROUPE_LOG_BEHIND", { log: this.#path, waitingBytesMax });
    }
    const fresh = data.subarray(this.#acceptedEnd - offset);
    const end = this.#acceptedEnd + fresh.length;
    this.#acceptedEnd = end;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ data: fresh, times, end, resolve, reject });
      this.#writing ??= this.#writeAll();
    });
  }

  #refuseGap(offset: number): void {
    if (offset <= this.#acceptedEnd) return;
    const expectedOffset = this.#acceptedEnd;
    throw new TroupeError("TROUPE_LOG_GAP", { log: this.#path, expectedOffset, gotOffset: offset });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      const [only] = batch;
      const bytes =
        batch.length === 1 && only !== undefined
          ? only.data
          : Buffer.concat(batch.map(({ data }) => data));
      try {
        await this.#writeTimes(batch.flatMap(({ times }) => times));
        const position = this.#storedEnd;
        await this.#descriptors.use(this.#path, { create: true }, (file) =>
          writeAll(file, bytes, position),
        );
      } catch (error) {
        this.#failed(error, batch);
        continue;
      }
      this.#storedEnd += bytes.length;
      this.#recent = this.#readers.size > 0 ? bytes : noBytes;
      for (const { end, resolve } of batch) resolve(end);
      this.#wakeReaders();
    }
    this.#writing = undefined;
  }

  /** What was written of a batch that failed is not written again with its next try. */
  async #writeTimes(times: readonly LogTime[]): Promise<void> {
    const fresh = freshTimes(this.#lastTime, times);
    if (fresh.length === 0) return;
    const bytes = timesBytes(fresh);
    await this.#descriptors.use(timesPath(this.#path), { create: true }, (file) =>
      writeAll(file, bytes, this.#timesEnd),
    );
    this.#timesEnd += bytes.length;
    this.#lastTime = fresh.at(-1);
  }

  #takeBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { data } of this.#waiting) {
      bytes += data.length;
      if (count > 0 && bytes > writeBytesMax) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  #failed(error: unknown, batch: readonly Waiting[]): void {
    const failed = [...batch, ...this.#waiting];
    this.#waiting = [];
    this.#acceptedEnd = this.#storedEnd;
    const failure = this.#failure(error);
    for (const { reject } of failed) reject(failure);
  }

  /** Resolves when nothing waits to be written. */
  async written(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing;
  }

  #woken(wake: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const go = (): void => {
        this.#readers.delete(go);
        wake.removeEventListener("abort", go);
        resolve();
      };
      this.#readers.add(go);
      wake.addEventListener("abort", go, { once: true });
    });
  }

  #wakeReaders(): void {
    for (const wake of this.#readers) wake();
  }

  #failure(cause: unknown): TroupeError {
    const reason = reasonOf(cause);
    return new TroupeError("TROUPE_LOG_NOT_STORED", { log: this.#path, reason }, { cause });
  }
}

/** undefined = there is no such file. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isNoSuchFile(error)) return undefined;
    throw error;
  }
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
}

async function readAll(file: FileHandle, offset: number, length: number): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return done === length ? bytes : bytes.subarray(0, done);
}
