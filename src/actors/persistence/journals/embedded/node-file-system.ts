/**
 * The machine's file system. Bare descriptors and the callback calls of `node:fs`: the promise
 * calls cost twice as much, and the journal makes one of them for every batch.
 */
import fs from "node:fs";
import { dirname, relative, resolve, sep } from "node:path";
import { systemRandom } from "../../../kernel/index.ts";
import { errorCode, type FileSystem, type LogFile, type OpenMode } from "./file-system.ts";
import { makeFolders } from "./make-folders.ts";

type Callback<Result> = (error: NodeJS.ErrnoException | null, result: Result) => void;

function call<Result>(start: (done: Callback<Result>) => void): Promise<Result> {
  return new Promise((fulfil, reject) => {
    start((error, result) => (error === null ? fulfil(result) : reject(error)));
  });
}

/**
 * On Linux a write may bring its bytes to the device itself, which saves a second trip to another thread and
 * back. Elsewhere the flag stops at the device's own cache.
 */
const writesThrough = process.platform === "linux" ? fs.constants.O_DSYNC : 0;

const flags: Readonly<Record<OpenMode, number>> = {
  append: fs.constants.O_RDWR | fs.constants.O_APPEND | fs.constants.O_CREAT | writesThrough,
  rewrite: fs.constants.O_RDWR,
  read: fs.constants.O_RDONLY,
};

class NodeLogFile implements LogFile {
  readonly #descriptor: number;

  constructor(descriptor: number) {
    this.#descriptor = descriptor;
  }

  async append(parts: readonly Uint8Array[]): Promise<number> {
    const taken = await call<number>((done) => fs.writev(this.#descriptor, parts, done));
    if (writesThrough === 0) await this.syncData();
    return taken;
  }

  rewrite(bytes: Uint8Array, offset: number): Promise<number> {
    return call<number>((done) =>
      fs.write(this.#descriptor, bytes, 0, bytes.byteLength, offset, done),
    );
  }

  async read(into: Uint8Array, offset: number): Promise<number> {
    let filled = 0;
    while (filled < into.byteLength) {
      const rest = into.byteLength - filled;
      const count = await call<number>((done) =>
        fs.read(this.#descriptor, into, filled, rest, offset + filled, done),
      );
      if (count === 0) break;
      filled += count;
    }
    return filled;
  }

  /** Of a file that is open this is a look into memory: cheaper than to hand it to another thread. */
  async size(): Promise<number> {
    return fs.fstatSync(this.#descriptor).size;
  }

  syncData(): Promise<void> {
    return call<void>((done) => fs.fdatasync(this.#descriptor, (error) => done(error)));
  }

  sync(): Promise<void> {
    return call<void>((done) => fs.fsync(this.#descriptor, (error) => done(error)));
  }

  close(): Promise<void> {
    return call<void>((done) => fs.close(this.#descriptor, (error) => done(error ?? null)));
  }
}

async function openNode(path: string, mode: OpenMode): Promise<LogFile> {
  return new NodeLogFile(await call<number>((done) => fs.open(path, flags[mode], 0o644, done)));
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await fs.promises.open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function makeDirectory(path: string): Promise<void> {
  const target = resolve(path);
  const firstMade = await makeFolders(target);
  if (firstMade === undefined) return;
  let parent = dirname(resolve(firstMade));
  await syncDirectory(parent);
  for (const name of relative(parent, target).split(sep)) {
    parent = resolve(parent, name);
    await syncDirectory(parent);
  }
}

async function createWhole(path: string, bytes: Uint8Array): Promise<"created" | "exists"> {
  const temporary = `${path}.${systemRandom.uuid()}.tmp`;
  await fs.promises.writeFile(temporary, bytes, { flag: "wx", flush: true });
  try {
    // A hard link, not a rename: a rename would replace what another process has just made.
    await fs.promises.link(temporary, path);
  } catch (error) {
    if (errorCode(error) === "EEXIST") return "exists";
    throw error;
  } finally {
    await fs.promises.rm(temporary, { force: true });
  }
  await syncDirectory(dirname(path));
  return "created";
}

async function freeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await fs.promises.statfs(path);
  return bavail * bsize;
}

/** The file system of this machine. Network folders are not fit: their appends are not atomic. */
export const nodeFileSystem: FileSystem = {
  makeDirectory,
  list: (directory) => fs.promises.readdir(directory),
  open: openNode,
  readWhole: (path) => fs.promises.readFile(path),
  createWhole,
  remove: (path) => fs.promises.unlink(path),
  syncDirectory,
  freeBytes,
};
