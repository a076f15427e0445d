/**
 * Brings archives to the server and back, through whatever the network does: tried again until it works, or
 * until the server says that it never will, or the job is given up.
 */
import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import type { AttemptRef, StoredFile } from "../../proto/troupe/agent/v1/agent.ts";
import { redialDelayMs } from "./backoff.ts";
import { type AgentClock, wait } from "./clock.ts";
import { agentLimits } from "./limits.ts";
import { fileHash } from "./pack-archive.ts";

/** The server's side, one try. Rejects with `TransferRefusedError` for what trying again does not change. */
export interface BlobLink {
  /** False: there was a cache under this key already. */
  put(
    start: BlobStart,
    bytesFrom: (offset: number) => AsyncIterable<Uint8Array>,
    stopped: AbortSignal,
  ): Promise<boolean>;
  get(request: BlobRequest, stopped: AbortSignal): AsyncIterable<Uint8Array>;
  /** undefined = there is none. */
  findCache(question: CacheQuestion, stopped: AbortSignal): Promise<FoundCache | undefined>;
}

export interface CacheName {
  /** Which of the assignment's caches, from 0. */
  readonly cache: number;
  readonly key: string;
}

/** What is looked for: under the key, else what one of the beginnings begins. */
export interface CacheQuestion extends CacheName {
  readonly attempt: AttemptRef;
  readonly restoreKeys: readonly string[];
}

export interface FoundCache {
  readonly key: string;
  readonly file: StoredFile;
}

export interface BlobRequest {
  readonly attempt: AttemptRef;
  readonly sha256: string;
  readonly offset: number;
  /** Is it among the caches? Default false. */
  readonly cache?: boolean;
}

export interface BlobStart {
  readonly attempt: AttemptRef;
  readonly sha256: string;
  readonly bytes: number;
  /** Under which name it goes among the caches. Default: it is none. */
  readonly cache?: CacheName;
}

export interface FetchedFile extends StoredFile {
  /** Is it among the caches? Default false. */
  readonly cache?: boolean;
}

export class TransferRefusedError extends Error {}

/** What it is wanted for has ended. */
export class TransferStoppedError extends Error {}

export interface TransfersOptions {
  /** undefined: the agent has not enrolled yet. */
  readonly link: () => BlobLink | undefined;
  readonly clock: AgentClock;
  readonly random: () => number;
}

export class Transfers {
  readonly #options: TransfersOptions;

  constructor(options: TransfersOptions) {
    this.#options = options;
  }

  /** Into `file`, which may hold the beginning of it already. */
  async fetch(
    attempt: AttemptRef,
    archive: FetchedFile,
    file: string,
    stopped: AbortSignal,
  ): Promise<void> {
    await this.#untilDone(stopped, async (link) => {
      const offset = await sizeOf(file);
      const { sha256, cache = false } = archive;
      const request = { attempt, sha256, offset, cache };
      if (offset < archive.bytes) await append(file, link.get(request, stopped), archive);
      if ((await fileHash(file)) === archive.sha256) return;
      await (await open(file, "w")).close();
      throw new Error("what came is not what was promised");
    });
  }

  /** False: there was a cache under this key already. */
  store(start: BlobStart, file: string, stopped: AbortSignal): Promise<boolean> {
    return this.#untilDone(stopped, (link) =>
      link.put(
        start,
        (offset) =>
          createReadStream(file, { start: offset, highWaterMark: agentLimits.transferChunkBytes }),
        stopped,
      ),
    );
  }

  findCache(question: CacheQuestion, stopped: AbortSignal): Promise<FoundCache | undefined> {
    return this.#untilDone(stopped, (link) => link.findCache(question, stopped));
  }

  async #untilDone<T>(stopped: AbortSignal, once: (link: BlobLink) => Promise<T>): Promise<T> {
    const { link, clock, random } = this.#options;
    for (let failures = 0; ; failures++) {
      if (stopped.aborted) throw new TransferStoppedError();
      const now = link();
      try {
        if (now !== undefined) return await once(now);
      } catch (error) {
        if (error instanceof TransferRefusedError || isOfDisk(error)) throw error;
      }
      await Promise.race([wait(clock, redialDelayMs(failures + 1, random)), aborted(stopped)]);
    }
  }
}

async function append(
  file: string,
  pieces: AsyncIterable<Uint8Array>,
  { bytes }: StoredFile,
): Promise<void> {
  const handle = await open(file, "a", 0o600);
  try {
    let size = (await handle.stat()).size;
    for await (const piece of pieces) {
      size += piece.byteLength;
      if (size > bytes) throw new Error("more came than was promised");
      await handle.appendFile(piece);
    }
  } finally {
    await handle.close();
  }
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}

/** Of this machine's own file system: a network's errors have no system call on a file. */
function isOfDisk(error: unknown): boolean {
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  return path !== undefined || (syscall === "write" && (code === "ENOSPC" || code === "EDQUOT"));
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
