/** Packs files of a folder into one gzipped tar, and says what came of it. Links are kept as links, never followed. */
import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { lstat, realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Pack } from "tar";
import { EntryJudge } from "./archive-entry.ts";
import { agentLimits } from "./limits.ts";
import { ArchiveError } from "./unpack-archive.ts";

export interface PackedArchive {
  readonly sha256: string;
  readonly bytes: number;
  readonly entries: number;
}

export interface PackOptions {
  readonly folder: string;
  /** Relative to it; a folder is packed with all that is in it. */
  readonly paths: readonly string[];
  /** Where the archive is written. */
  readonly file: string;
}

/** Fast: what is packed is mostly unpacked again soon. */
const gzipLevel = 1;

/** Throws `ArchiveError` for what is not there or must not be packed, or the disk's own error. */
export async function packArchive({ folder, paths, file }: PackOptions): Promise<PackedArchive> {
  for (const path of paths) await checkPath(folder, path);
  const judge = new EntryJudge();
  let refusal: ArchiveError | undefined;
  const pack = new Pack({
    cwd: folder,
    gzip: { level: gzipLevel },
    portable: true,
    // A file with two names is packed twice: no archive has links that would join files.
    linkCache: new NoLinks(),
    filter: (_path, stat) =>
      "isFile" in stat && (stat.isFile() || stat.isDirectory() || stat.isSymbolicLink()),
    onWriteEntry: ({ path, type, linkpath, stat }) => {
      const size = type === "File" ? (stat?.size ?? 0) : 0;
      const problem = judge.problem({ path, type: type ?? "", linkpath, size });
      if (problem !== undefined) refusal ??= new ArchiveError(problem);
    },
  });
  const hash = createHash("sha256");
  let bytes = 0;
  const measure = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      hash.update(chunk);
      bytes += chunk.length;
      const { archiveBytesMax } = agentLimits;
      if (bytes > archiveBytesMax)
        refusal ??= new ArchiveError(`packed it takes more than ${archiveBytesMax} bytes`);
      done(refusal ?? null, chunk);
    },
  });
  for (const path of paths) pack.add(`./${path}`.replace(/^(\.\/)+/, "./"));
  pack.end();
  // Its stream is older than Node's own; as an iterable it is one.
  await pipeline(pack, measure, createWriteStream(file, { flags: "wx", mode: 0o600 }));
  if (refusal !== undefined) throw refusal;
  return { sha256: hash.digest("hex"), bytes, entries: judge.entries };
}

/** It must be there, and no folder on the way may be a link that leads elsewhere. */
async function checkPath(folder: string, path: string): Promise<void> {
  const shown = JSON.stringify(path);
  const at = join(folder, path);
  try {
    await lstat(at);
    const root = await realpath(folder);
    const parent = await realpath(at === folder ? at : dirname(at));
    if (parent !== root && !parent.startsWith(`${root}/`))
      throw new ArchiveError(`${shown} lies behind a link that leads outside`);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR")
      throw new ArchiveError(`${shown} is not there`, { cause: error });
    throw error;
  }
}

class NoLinks extends Map<`${number}:${number}`, string> {
  override get(): undefined {
    return undefined;
  }
}

/** The SHA-256 of a file's content, as 64 hex digits. */
export async function fileHash(file: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest("hex");
}
