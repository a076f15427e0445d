/**
 * The journal's id and format: the first record of the topic's last partition. Whoever finds the
 * partition empty writes one; of several that were written at once the first counts.
 */
import { type Clock, type Random, TroupeError } from "../../../kernel/index.ts";
import type { ClusterLink } from "./cluster-link.ts";
import { PartitionReader } from "./partition-reader.ts";
import { ProduceLane, type ProduceResult } from "./produce-lane.ts";
import { untilAnswered } from "./until-answered.ts";

export const format = "troupe-journal";
/** Begins a topic that is being filled from another journal: not to be served before its id follows. */
export const importFormat = "troupe-journal-import";
const identityBytesMax = 1_048_576;
const formatVersion = 1;
const deadlineMs = 20_000;
const lookEveryMs = 50;

export interface IdentityPlace {
  readonly link: ClusterLink;
  readonly topic: string;
  readonly shards: number;
  readonly ackTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly clock: Clock;
  readonly random: Random;
}

/** The id of the journal on this topic, given to it now if it has none. */
export async function identityOf(
  place: IdentityPlace & { readonly readOnly: boolean },
): Promise<string> {
  const { link, random, shards } = place;
  const [first, ...others] = await storedIdentities(place);
  if (first !== undefined) return idIn(link, first, others);
  if (place.readOnly) throw unusable(link, "it holds no journal yet");
  const journalId = Buffer.from(random.bytes(16)).toString("hex");
  const [written, ...behind] = await storeIdentity(place, { format, journalId, shards }, isAny);
  return idIn(link, written as StoredIdentity, behind);
}

const isAny = (stored: readonly StoredIdentity[]): boolean => stored.length > 0;

/** A record of the identity partition, as it is read: nothing is sure yet. */
export type StoredIdentity = Partial<
  Record<"format" | "formatVersion" | "journalId" | "source", unknown>
>;

/** What the identity partition holds, oldest first. */
export async function storedIdentities(place: IdentityPlace): Promise<readonly StoredIdentity[]> {
  const { link, topic, shards: partition } = place;
  const reader = new PartitionReader(link, topic);
  const records = await untilAnswered(place, async () => {
    const { low, end } = await reader.extent(partition);
    if (low > 0) throw unusable(link, "its last partition was cut; it must keep the journal's id");
    return end > 0 ? reader.records(partition, 0, identityBytesMax) : [];
  });
  return records.map(({ bytes }) => parse(link, Buffer.from(bytes).toString("utf8")));
}

/** Stores a record, and resolves with all when they are as wanted: of several writers the first one counts. */
export async function storeIdentity(
  place: IdentityPlace,
  fields: object,
  isThere: (stored: readonly StoredIdentity[]) => boolean,
): Promise<readonly StoredIdentity[]> {
  const { link, clock } = place;
  const untilMs = clock.monotonicMs() + deadlineMs;
  for (;;) {
    await untilAnswered(place, () => write(place, JSON.stringify({ formatVersion, ...fields })));
    const stored = await storedIdentities(place);
    if (isThere(stored)) return stored;
    if (clock.monotonicMs() > untilMs) {
      throw unusable(link, `the journal's id was not stored within ${deadlineMs} ms`);
    }
    await new Promise<void>((resolve) => clock.setTimer(lookEveryMs, resolve));
  }
}

/** Whatever becomes of it, the next look shows. Only a certain refusal is an end. */
async function write(place: IdentityPlace, text: string): Promise<void> {
  const { link, shards: partition } = place;
  const { node } = await link.leaderOf(partition);
  const lane = new ProduceLane({ ...place, node, requestBytesMax: 1 });
  const request = { shard: partition, expected: 0, bytes: Buffer.from(text) };
  const result = await new Promise<ProduceResult>((settle) => lane.push([{ request, settle }]));
  if (result.outcome === "refused") throw result.cause;
}

function parse(link: ClusterLink, text: string): StoredIdentity {
  try {
    return (JSON.parse(text) ?? {}) as StoredIdentity;
  } catch (error) {
    throw unusable(link, "its last partition does not hold a journal's id", error);
  }
}

function idIn(link: ClusterLink, first: StoredIdentity, others: readonly StoredIdentity[]): string {
  if (first.format === importFormat) {
    const whole = others.find((one) => one.format === format && one.journalId === first.journalId);
    if (whole !== undefined) return idIn(link, whole, []);
    const advice = "finish it by the same troupe journal import, or delete the topic";
    throw unusable(link, `an import into it has not been finished; ${advice}`);
  }
  if (first.format !== format) throw unusable(link, `it is no ${format}`);
  const { formatVersion: version, journalId } = first;
  if (Number(version) > formatVersion) {
    const found = `format version ${Number(version)}`;
    throw unusable(
      link,
      `it has ${found}, and this program knows ${formatVersion}: use a newer one`,
    );
  }
  if (typeof journalId !== "string" || !/^[0-9a-f]{32}$/.test(journalId)) {
    throw unusable(link, `its id is not valid: ${JSON.stringify(first)}`);
  }
  return journalId;
}

export function unusable(link: ClusterLink, problem: string, cause?: unknown): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: link.name, problem }, { cause });
}
