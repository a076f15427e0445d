/**
 * Unpacks an archive of a job's files into a folder. The archive may come from a job that means ill:
 *
 *   U1. Nothing is written outside the folder, and nothing through a link, also not through one that was
 *       there before.
 *   U2. No owner, no set-user-id bit, no device, pipe or hard link comes out of it.
 *   U3. It ends at the first entry that is not allowed, and when more comes out than was allowed, whatever
 *       the archive says of itself.
 */
import { createReadStream } from "node:fs";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { type ReadEntry, Unpack } from "tar";
import { EntryJudge } from "./archive-entry.ts";
import { agentLimits } from "./limits.ts";

/** The archive is not what it should be: its message says why, for a person. */
export class ArchiveError extends Error {}

/**
 * Returns how many entries it had. Throws `ArchiveError`, or the disk's own error. With `within`, nothing may be
 * in it that is not below one of these paths.
 */
export async function unpackArchive(
  file: string,
  folder: string,
  within?: readonly string[],
): Promise<number> {
  const judge = new EntryJudge(within);
  const unpacking = createGunzip();
  const refuse = (problem: string): void => {
    unpacking.destroy(new ArchiveError(problem));
  };
  const unpack = new Unpack({
    cwd: folder,
    strict: true,
    preserveOwner: false,
    preservePaths: false,
    unlink: true,
    filter: (_path, entry) => {
      const read = entry as ReadEntry;
      const problem = judge.problem({ ...entryOf(read), path: read.path });
      read.mode = (read.mode ?? 0o644) & 0o777;
      if (problem !== undefined) refuse(problem);
      return problem === undefined;
    },
  });
  try {
    await pipeline(createReadStream(file), unpacking, tarOnly(), unpack);
    return judge.entries;
  } catch (error) {
    throw archiveErrorOf(error);
  }
}

function entryOf({ type, linkpath, size }: ReadEntry) {
  return { type, linkpath, size };
}

/** Counts what comes out, and stops what is compressed twice: the library would unpack that too, uncounted. */
function tarOnly(): Transform {
  let bytes = 0;
  // Each entry has a header of its own, and may have a longer one for its name.
  const bytesMax = agentLimits.archiveUnpackedBytesMax + agentLimits.archiveEntriesMax * 2_048;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const isFirst = bytes === 0;
      bytes += chunk.length;
      if (isFirst && !isTar(chunk)) return done(new ArchiveError("it is not a gzipped tar"));
      if (bytes <= bytesMax) return done(null, chunk);
      return done(new ArchiveError(`unpacked it takes more than ${bytesMax} bytes`));
    },
  });
}

/** The first block is a header with the mark of POSIX or GNU, or it is the end of an empty archive. */
function isTar(chunk: Buffer): boolean {
  return (
    chunk.subarray(257, 262).toString("latin1") === "ustar" || chunk.every((byte) => byte === 0)
  );
}

function archiveErrorOf(error: unknown): unknown {
  const { code = "", message } = error as NodeJS.ErrnoException;
  const isOfArchive =
    code.startsWith("TAR_") || code.startsWith("Z_") || /symbolic link/.test(message);
  return isOfArchive ? new ArchiveError(message, { cause: error }) : error;
}
