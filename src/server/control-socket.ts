/**
 * The unix socket through which people's tools reach the server of a data folder, and by which a
 * second server on the same folder is told off. (It is not what protects the data: the journal
 * fences a second writer by itself.)
 *
 *  S1. The socket is `<dataDir>/troupe.sock`. Where that path is too long for a socket address, it
 *      stands in a short folder of its own and `<dataDir>/troupe.sock.path` says where.
 *  S2. Alive or dead is decided by connecting, never by a file's age or a pid.
 *  S3. Only a dead socket is removed, and after it was moved aside: if two servers start at once on
 *      what a third left behind, neither removes the other's new one.
 */
import {
  chmod,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  rmdir,
  unlink,
  writeFile,
} from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { TroupeError } from "../actors/kernel/index.ts";
import { readServerFile } from "./data-folder.ts";

/** What fits into `sockaddr_un` on every system we run on, without the closing zero. */
const socketPathBytesMax = process.platform === "linux" ? 107 : 103;

export interface ControlSocket {
  readonly path: string;
  /** To be called once the socket is bound: makes it the user's own, and findable. */
  publish(): Promise<void>;
  /** Removes what is left of it after the server closed it; never a socket that another server has bound. */
  release(): Promise<void>;
}

/** The gRPC target of the server of a folder; undefined = there is no socket. */
export async function socketAddress(dataDir: string): Promise<string | undefined> {
  const folder = await realpath(dataDir).catch(ignoreAbsent);
  const path = folder === undefined ? undefined : await currentSocket(folder);
  return path === undefined || (await probe(path)) === "absent" ? undefined : `unix:${path}`;
}

/**
 * Finds the path to bind, after what a dead server left there is gone.
 * Throws `TROUPE_JOURNAL_IN_USE` when a live server answers.
 */
export async function claimControlSocket(dataDir: string): Promise<ControlSocket> {
  const left = await currentSocket(dataDir);
  if (left !== undefined) await removeIfDead(dataDir, left);
  const direct = directPath(dataDir);
  return fits(direct) ? directSocket(direct) : pointedSocket(dataDir);
}

function directSocket(path: string): ControlSocket {
  let bound = false;
  return {
    path,
    publish: () => {
      bound = true;
      return chmod(path, 0o600);
    },
    release: async () => {
      if (bound) await rm(path, { force: true });
    },
  };
}

async function pointedSocket(dataDir: string): Promise<ControlSocket> {
  const pointer = pointerPath(dataDir);
  const folder = await mkdtemp(join(tmpdir(), "troupe-"));
  const path = join(folder, "sock");
  return {
    path,
    publish: async () => {
      await chmod(path, 0o600);
      await writeFile(pointer, path, { flag: "wx", mode: 0o600 }).catch(
        (error: NodeJS.ErrnoException) =>
          error.code === "EEXIST" ? inUse(dataDir) : Promise.reject(error),
      );
    },
    release: async () => {
      if ((await pointedAt(dataDir)) === path) await rm(pointer, { force: true });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Throws the error for a folder that is served already. */
export async function inUse(dataDir: string): Promise<never> {
  const file = await readServerFile(dataDir).catch(() => undefined);
  const by = `another troupe server (pid ${file?.pid ?? "unknown"})`;
  throw new TroupeError("TROUPE_JOURNAL_IN_USE", { journal: dataDir, by });
}

/** `dead`: the file is there and nobody listens behind it. */
export function probe(path: string): Promise<"live" | "dead" | "absent"> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve("live");
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "ECONNREFUSED") resolve("dead");
      else if (error.code === "ENOENT" || error.code === "ENOTDIR") resolve("absent");
      // Its queue of connections is full: somebody is there.
      else if (error.code === "EAGAIN") resolve("live");
      else reject(error);
    });
  });
}

async function removeIfDead(dataDir: string, path: string): Promise<void> {
  const state = await probe(path);
  if (state === "live") await inUse(dataDir);
  if (path !== directPath(dataDir)) {
    await rm(pointerPath(dataDir), { force: true });
    await rm(path, { force: true });
    await rmdir(dirname(path)).catch(() => {}); // Not empty: not ours alone, so it stays.
    return;
  }
  if (state === "absent") return;
  const aside = join(dataDir, "troupe.old");
  await rename(path, aside).catch(ignoreAbsent);
  if ((await probe(aside)) === "live") {
    await rename(aside, path);
    await inUse(dataDir);
  }
  await unlink(aside).catch(ignoreAbsent);
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
  return undefined;
}

async function currentSocket(dataDir: string): Promise<string | undefined> {
  const direct = directPath(dataDir);
  return fits(direct) ? direct : pointedAt(dataDir);
}

function pointedAt(dataDir: string): Promise<string | undefined> {
  return readFile(pointerPath(dataDir), "utf8").then(
    (path) => path.trim(),
    (error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT" || error.code === "ENOTDIR") return undefined;
      throw error;
    },
  );
}

function directPath(dataDir: string): string {
  return join(dataDir, "troupe.sock");
}

function pointerPath(dataDir: string): string {
  return join(dataDir, "troupe.sock.path");
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= socketPathBytesMax;
}
