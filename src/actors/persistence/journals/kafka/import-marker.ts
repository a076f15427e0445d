/**
 * A topic that is being filled from another journal. Its identity partition begins with a marker, so that no server
 * takes half a journal for a whole one; the id follows when everything is there.
 */
import {
  format,
  type IdentityPlace,
  importFormat,
  type StoredIdentity,
  storedIdentities,
  storeIdentity,
  unusable,
} from "./journal-identity.ts";
import { PartitionReader } from "./partition-reader.ts";

/** The journal that is copied. */
export interface ImportSource {
  readonly journalId: string;
  readonly shards: number;
  /** Where each shard begins: what an interrupted import has copied counts from there. */
  readonly lows: readonly number[];
}

/** @throws TROUPE_JOURNAL_UNUSABLE when anything but an unfinished import of this source is in the topic. */
export async function beginImport(
  place: IdentityPlace,
  source: ImportSource,
): Promise<{ readonly journalId: string; readonly isResumed: boolean }> {
  const [first, ...others] = await storedIdentities(place);
  if (first !== undefined) {
    return { journalId: resumedId(place, source, [first, ...others]), isResumed: true };
  }
  await mustBeEmpty(place);
  const { random, shards } = place;
  const journalId = Buffer.from(random.bytes(16)).toString("hex");
  const marker = { format: importFormat, journalId, shards, source };
  const stored = await storeIdentity(place, marker, ({ length }) => length > 0);
  return { journalId: resumedId(place, source, stored), isResumed: false };
}

export async function completeImport(place: IdentityPlace, journalId: string): Promise<void> {
  await storeIdentity(place, { format, journalId, shards: place.shards }, (stored) =>
    stored.some((one) => one.format === format && one.journalId === journalId),
  );
}

function resumedId(
  { link }: IdentityPlace,
  source: ImportSource,
  [first, ...others]: readonly StoredIdentity[],
): string {
  if (first?.format !== importFormat) {
    throw unusable(link, "it is a journal already; an import wants a topic of its own");
  }
  const { journalId } = first;
  if (others.some((one) => one.format === format && one.journalId === journalId)) {
    throw unusable(link, "an import into it has been finished; servers can use it");
  }
  const begun = first.source as ImportSource | undefined;
  if (begun?.journalId !== source.journalId) {
    throw unusable(link, `it holds an unfinished import of another journal, ${begun?.journalId}`);
  }
  if (begun.lows.some((low, shard) => low !== source.lows[shard])) {
    const advice = "delete the topic and begin anew";
    throw unusable(link, `the source was cut since the import into it was interrupted; ${advice}`);
  }
  return String(journalId);
}

async function mustBeEmpty({ link, topic, shards }: IdentityPlace): Promise<void> {
  const reader = new PartitionReader(link, topic);
  for (let shard = 0; shard < shards; shard++) {
    const { end } = await reader.extent(shard);
    if (end > 0)
      throw unusable(link, `partition ${shard} holds records; an import wants a new topic`);
  }
}
