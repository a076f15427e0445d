/** The metadata of a journal that must be there already: for those who only look. */
import { join } from "node:path";
import { errorCode, type FileSystem } from "./file-system.ts";
import { type Metadata, metadataOfOthers, readMetadata, unusable } from "./metadata.ts";
import { segmentBase } from "./segment.ts";

interface Place {
  readonly fileSystem: FileSystem;
  readonly directory: string;
}

/** @throws TROUPE_JOURNAL_UNUSABLE where no journal is; TROUPE_JOURNAL_CORRUPT where one has lost its metadata. */
export async function existingMetadata(place: Place): Promise<Metadata> {
  const metadata = await readMetadata(place);
  if (metadata !== undefined) return metadata;
  const { directory } = place;
  if (!(await hasRecords(place))) throw unusable(directory, "there is no journal in this folder");
  return metadataOfOthers(place);
}

async function hasRecords({ fileSystem, directory }: Place): Promise<boolean> {
  for (const name of await namesIn({ fileSystem, directory })) {
    const base = segmentBase(name);
    if (base === undefined) continue;
    // Only the first file of a log is ever there before the metadata, and it is empty then.
    if (base > 0) return true;
    const file = await fileSystem.open(join(directory, name), "read");
    try {
      if ((await file.size()) > 0) return true;
    } finally {
      await file.close();
    }
  }
  return false;
}

async function namesIn({ fileSystem, directory }: Place): Promise<readonly string[]> {
  try {
    return await fileSystem.list(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
