/** Proves a whole journal: its files, where it lies in files, and each shard. */
import { isTroupeError } from "../../kernel/index.ts";
import type { Journal, Position } from "../journal.ts";
import {
  type FileDamage,
  type FolderSurvey,
  fileAt,
  openEmbeddedJournal,
  surveyEmbeddedJournal,
} from "../journals/index.ts";
import { allShards } from "./event-stream.ts";
import { type ShardProof, verifyShard } from "./verify-shard.ts";

export interface VerifyOptions {
  /** Default: all. */
  readonly shards?: readonly number[];
  readonly onShard?: (proof: ShardProof) => void;
}

export interface FoundDamage {
  /** File and byte, or shard and position: where to look. */
  readonly where: string;
  readonly problem: string;
  /** The shards whose readers meet it. Empty = none of those looked at. */
  readonly shards: readonly number[];
}

export interface JournalProof {
  readonly journalId: string;
  /** Of an embedded journal. */
  readonly files: FolderSurvey | undefined;
  readonly shards: readonly ShardProof[];
  /** In the order of the log, as far as it is known. Empty = sound. */
  readonly damages: readonly FoundDamage[];
}

/** Proves every shard. */
export async function verifyJournal(
  journal: Journal,
  options: VerifyOptions = {},
): Promise<JournalProof> {
  const shards = await verifyShards(journal, options);
  return { journalId: journal.journalId, files: undefined, shards, damages: gather([], shards) };
}

/**
 * Reads the files of an embedded journal byte for byte, then proves every shard.
 * @throws TROUPE_JOURNAL_UNUSABLE when there is no journal in the folder, or it is of a newer format.
 */
export async function verifyEmbeddedJournal(
  directory: string,
  options: VerifyOptions = {},
): Promise<JournalProof> {
  const files = await surveyEmbeddedJournal(directory);
  const { journalId } = files;
  const where = (position: Position): string => ` (${fileAt(files, position)})`;
  try {
    const journal = await openEmbeddedJournal({ directory, readOnly: true });
    try {
      const shards = await verifyShards(journal, options);
      return { journalId, files, shards, damages: gather(files.damages, shards, where) };
    } finally {
      await journal.close();
    }
  } catch (error) {
    if (!isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
    // It is too damaged to be opened; the files have shown where, or this error does.
    const damages = files.damages.length > 0 ? files.damages : [error.details];
    return { journalId, files, shards: [], damages: gather(damages, []) };
  }
}

async function verifyShards(
  journal: Journal,
  { shards, onShard }: VerifyOptions,
): Promise<readonly ShardProof[]> {
  const proofs: ShardProof[] = [];
  for (const shard of shards ?? allShards(journal)) {
    const proof = await verifyShard(journal, shard);
    proofs.push(proof);
    onShard?.(proof);
  }
  return proofs;
}

/** Damage of a file is met by many shards, and told once. */
function gather(
  files: readonly FileDamage[],
  shards: readonly ShardProof[],
  fileOf: (position: Position) => string = () => "",
): readonly FoundDamage[] {
  const found = new Map<string, { where: string; problem: string; shards: number[] }>();
  for (const { where, problem } of files) {
    found.set(`${where}: ${problem}`, { where, problem, shards: [] });
  }
  for (const { shard, damage } of shards) {
    if (damage === undefined) continue;
    const { position, problem } = damage;
    const known = found.get(problem);
    if (known !== undefined) {
      known.shards.push(shard);
    } else {
      const place = position === undefined ? "" : `, position ${position}${fileOf(position)}`;
      const where = `shard ${shard}${place}`;
      // What the store says names its own place, and may be met by other shards too.
      const key = position === undefined ? problem : where;
      found.set(key, { where, problem, shards: [shard] });
    }
  }
  return [...found.values()];
}
