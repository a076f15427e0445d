import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes the folder and those above it that are missing. Returns the first that it made, undefined when all were there.
 * Node's own recursive mkdir never returns where a folder is there and yet makes none below it, such as /proc.
 */
export async function makeFolders(path: string, mode?: number): Promise<string | undefined> {
  if (await madeOne(path, mode)) return path;
  if (await isFolder(path)) return undefined;
  const first = await makeFolders(dirname(path), mode);
  // All above is there by now: whatever the file system says this time is its answer.
  await mkdir(path, { mode }).catch(async (error: unknown) => {
    if (!(await isFolder(path))) throw error;
  });
  return first ?? path;
}

/** False = it is there, or a folder above it is missing. */
async function madeOne(path: string, mode: number | undefined): Promise<boolean> {
  try {
    await mkdir(path, { mode });
    return true;
  } catch (error) {
    const isMissing = (error as NodeJS.ErrnoException).code === "ENOENT" && dirname(path) !== path;
    if (isMissing || (await isFolder(path))) return false;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
