/**
 * `journal.json`: what is fixed for the life of a journal. Made last, so that a folder that has
 * it has a first segment too; never changed.
 */
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Random, reasonOf, TroupeError } from "../../../kernel/index.ts";
import { checkShardCount, isShardCount } from "../shard-count.ts";
import { errorCode, type FileSystem } from "./file-system.ts";
import { segmentName } from "./segment.ts";

export const metadataFile = "journal.json";
const format = "troupe-journal";
/** Raised when an older program could not read what a newer one writes. */
const formatVersion = 1;

export interface Metadata {
  /** 32 hex digits, random. */
  readonly journalId: string;
  readonly shards: number;
}

interface Place {
  readonly fileSystem: FileSystem;
  readonly directory: string;
}

/** The folder's metadata; undefined when it has none. */
export async function readMetadata(place: Place): Promise<Metadata | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await place.fileSystem.readWhole(join(place.directory, metadataFile));
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  return parseMetadata(place.directory, Buffer.from(bytes).toString("utf8"));
}

export function metadataText(metadata: Metadata): string {
  const { journalId, shards } = metadata;
  const fields = { format, formatVersion, journalId, shards, checksum: checksumOf(metadata) };
  return `${JSON.stringify(fields, undefined, 2)}\n`;
}

/** Under another number of shards the entities of most ids would be empty, and would be written to beside their past. */
function checksumOf({ journalId, shards }: Metadata): number {
  return crc32(`${journalId}/${shards}`);
}

/** Makes an empty journal in the folder, or finds the one that another process has just made. */
export async function createMetadata(
  place: Place,
  shards: number,
  random: Random,
): Promise<Metadata> {
  const { directory, fileSystem } = place;
  checkShardCount(shards);
  await fileSystem.makeDirectory(directory);
  const names = await fileSystem.list(directory);
  if (names.some((name) => name.endsWith(".log") && name !== segmentName(0))) {
    return metadataOfOthers(place);
  }
  const first = await fileSystem.open(join(directory, segmentName(0)), "append");
  try {
    if ((await first.size()) > 0) return await metadataOfOthers(place);
    await first.sync();
  } finally {
    await first.close();
  }
  await fileSystem.syncDirectory(directory);
  const journalId = Buffer.from(random.bytes(16)).toString("hex");
  const text = metadataText({ journalId, shards });
  const outcome = await fileSystem.createWhole(join(directory, metadataFile), Buffer.from(text));
  if (outcome === "created") return { journalId, shards };
  const others = await readMetadata(place);
  if (others === undefined) throw unusable(directory, `its ${metadataFile} came and went`);
  return others;
}

/** A segment that holds something has had metadata: another process has just made it, or it was lost. */
export async function metadataOfOthers(place: Place): Promise<Metadata> {
  const others = await readMetadata(place);
  if (others !== undefined) return others;
  const where = join(place.directory, metadataFile);
  const problem = "it is missing beside a log that holds records; restore it from a backup";
  throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem });
}

/** As it is read: nothing is sure yet. */
type StoredMetadata = Partial<
  Record<"format" | "formatVersion" | "journalId" | "shards" | "checksum", unknown>
>;

function parseMetadata(directory: string, text: string): Metadata {
  const where = join(directory, metadataFile);
  let parsed: StoredMetadata | null;
  try {
    parsed = JSON.parse(text) as StoredMetadata | null;
  } catch (error) {
    const problem = `it is not JSON (${reasonOf(error)})`;
    throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem }, { cause: error });
  }
  const fields = parsed ?? {};
  if (fields.format !== format || typeof fields.formatVersion !== "number") {
    throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem: `it is no ${format}` });
  }
  if (fields.formatVersion > formatVersion) {
    const problem = `it has format version ${fields.formatVersion}, and this program knows ${formatVersion}: use a newer one`;
    throw unusable(directory, problem);
  }
  const { journalId, shards } = fields;
  const idIsValid = typeof journalId === "string" && /^[0-9a-f]{32}$/.test(journalId);
  if (!idIsValid || !isShardCount(shards)) {
    const problem = `journalId or shards is not valid: ${text.trim()}`;
    throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem });
  }
  const metadata = { journalId, shards };
  // The first journals were made without one.
  const { checksum = checksumOf(metadata) } = fields;
  if (checksum !== checksumOf(metadata)) {
    const problem = `journalId or shards is not what the journal was made with (the checksum does not fit): ${text.trim()}. Put back what it was, or restore it from a backup`;
    throw new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem });
  }
  return metadata;
}

/** The folder holds no journal that this program can use as it was asked to. */
export function unusable(journal: string, problem: string): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal, problem });
}
