/**
 * Reads a file that a job may have tampered with: a link or a pipe in its place is not followed, and
 * nothing waits for it.
 */
import { constants } from "node:fs";
import { open } from "node:fs/promises";

/** At most `bytesMax` of its beginning, and how large it is. Throws the file system's error, or one that says it is no plain file. */
export async function readJobFile(
  path: string,
  bytesMax: number,
): Promise<{ readonly text: string; readonly size: number }> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error("it is no longer a plain file");
    const wanted = Math.min(stat.size, bytesMax);
    const { buffer, bytesRead } = await file.read(Buffer.alloc(wanted), 0, wanted, 0);
    return { text: buffer.toString("utf8", 0, bytesRead), size: stat.size };
  } finally {
    await file.close();
  }
}
