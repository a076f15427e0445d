/**
 * One real pipe for a job's stdout and stderr together. Node's own child pipes are socket pairs, one
 * per stream: their order is lost, and `echo x >/dev/stderr` fails on a socket. A FIFO that loses its name
 * once both ends are open is a pipe like any other.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, constants, existsSync, openSync, rmSync, unlinkSync } from "node:fs";
import { type OnReadOpts, Socket, type SocketConstructorOpts } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";

/** How many FIFOs one `mkfifo` makes, and with how many left the next one is started. */
const batch = { count: 16, leftMin: 4 } as const;

/** Makes FIFOs ahead of need and many at once: `mkfifo` is a process of its own, and jobs should not wait for it. */
export class PipeSupply {
  readonly #folder: string;
  readonly #ready: string[] = [];
  #making: Promise<void> | undefined;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Makes more if few are left. To be called when there is time; a failure is told to the one who takes. */
  replenish(): void {
    if (this.#ready.length > batch.leftMin || this.#making !== undefined) return;
    this.#making = this.#make().finally(() => {
      this.#making = undefined;
    });
    this.#making.catch(() => {});
  }

  /** A new pipe. Rejects with what to install where there is no `mkfifo`, or with the disk's own error. */
  async take(): Promise<OutputPipe> {
    for (;;) {
      const path = this.#ready.pop();
      if (path === undefined) {
        this.replenish();
        await this.#making;
      } else if (existsSync(path)) {
        return new OutputPipe(path);
      }
      // Else somebody has tidied it away meanwhile: the next one.
    }
  }

  /** Removes what is ready. */
  async close(): Promise<void> {
    await this.#making?.catch(() => {});
    for (const path of this.#ready.splice(0)) rmSync(path, { force: true });
  }

  async #make(): Promise<void> {
    const name = () => join(this.#folder, `pipe-${randomBytes(6).toString("hex")}`);
    const paths = Array.from({ length: batch.count }, name);
    try {
      await promisify(execFile)("mkfifo", ["-m", "600", ...paths]);
      this.#ready.push(...paths);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
      throw new Error("mkfifo was not found in PATH: install coreutils (or busybox)", {
        cause: error,
      });
    }
  }
}

/** What Node's reading side takes from the pipe at once: all that a pipe holds. */
const readBytes = 64 * 1024;

export class OutputPipe {
  /** For the child, as its stdout and its stderr; closed by `childStarted`. */
  readonly writeDescriptor: number;
  readonly #readDescriptor: number;
  #writeOpen = true;
  #socket: Socket | undefined;

  /** Opens both ends of the FIFO at `path` and removes its name. */
  constructor(path: string) {
    // Non-blocking, as there is no writer yet; then the writer finds its reader.
    this.#readDescriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    this.writeDescriptor = openSync(path, constants.O_WRONLY);
    unlinkSync(path);
  }

  /** The child has its copies of the writing end, so ours closes. */
  childStarted(): void {
    this.#writeOpen = false;
    closeSync(this.writeDescriptor);
  }

  /**
   * Begins to read. `onBytes` gets bytes that are valid until it returns; `onEnd` is called once, when
   * nobody can write any more.
   */
  read(onBytes: (bytes: Buffer) => void, onEnd: () => void): void {
    const buffer = Buffer.allocUnsafeSlow(readBytes);
    const options: SocketConstructorOpts & { onread: OnReadOpts } = {
      fd: this.#readDescriptor,
      readable: true,
      writable: false,
      onread: {
        buffer,
        callback: (count) => {
          onBytes(buffer.subarray(0, count));
          return true;
        },
      },
    };
    const socket = new Socket(options);
    // A pipe's read can fail only if the descriptor is broken; the end is what follows.
    socket.on("error", () => socket.destroy());
    socket.on("close", onEnd);
    socket.resume();
    this.#socket = socket;
  }

  /** Nobody will read: instead of `read`. */
  abandon(): void {
    if (this.#writeOpen) closeSync(this.writeDescriptor);
    closeSync(this.#readDescriptor);
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Gives up on whoever still holds the writing end. `onEnd` follows. */
  close(): void {
    this.#socket?.destroy();
  }
}
