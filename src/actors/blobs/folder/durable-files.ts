/** Files that are still there after a power cut: the bytes are synced, and so are the folders that name them. */
import { constants } from "node:fs";
import { type FileHandle, link, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname, relative, resolve, sep } from "node:path";

/** Makes the folder and those above it that are missing, and syncs what names them. */
export async function makeFolder(path: string): Promise<void> {
  const target = resolve(path);
  const firstMade = await mkdir(target, { recursive: true, mode: 0o700 });
  if (firstMade === undefined) return;
  let parent = dirname(resolve(firstMade));
  await syncFolder(parent);
  for (const name of relative(parent, target).split(sep)) {
    parent = resolve(parent, name);
    await syncFolder(parent);
  }
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, "r");
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Opens for reading and writing, and makes the file, with a name that lasts, where it is missing. */
export async function openLasting(path: string): Promise<FileHandle> {
  try {
    return await open(path, constants.O_RDWR);
  } catch (error) {
    if (!isNoSuchFile(error)) throw error;
  }
  await makeFolder(dirname(path));
  const file = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  await syncFolder(dirname(path));
  return file;
}

/** Gives synced bytes their name, atomically. */
export async function moveInto(from: string, to: string): Promise<void> {
  await makeFolder(dirname(to));
  await rename(from, to);
  await syncFolder(dirname(to));
}

/**
 * Syncs somebody's file and takes it over; a file that is there already is left alone. False: it cannot be had
 * (there is one, it lies on another file system, or this one knows no links).
 */
export async function adoptFile(from: string, to: string): Promise<boolean> {
  const file = await open(from, constants.O_RDWR);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await makeFolder(dirname(to));
  try {
    // A rename would overwrite what another process has put there.
    await link(from, to);
  } catch (error) {
    if (cannotLink.has((error as NodeJS.ErrnoException).code ?? "")) return false;
    throw error;
  }
  await syncFolder(dirname(to));
  await rm(from);
  return true;
}

const cannotLink: ReadonlySet<string> = new Set(["EEXIST", "EXDEV", "EPERM", "ENOTSUP", "EMLINK"]);

export async function writeAll(
  file: FileHandle,
  data: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < data.byteLength; ) {
    const { bytesWritten } = await file.write(data, done, data.byteLength - done, position + done);
    done += bytesWritten;
  }
}

export function isNoSuchFile(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === "ENOENT";
}
