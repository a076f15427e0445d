/**
 * The journal's id and format: the first record of the topic's last partition. Whoever finds the
 * partition empty writes one; of several that were written at once the first counts.
 */
import { type Clock, type Random, TroupeError } from "../../../kernel/index.ts";
import type { ClusterLink } from "./cluster-link.ts";
import { PartitionReader } from "./partition-reader.ts";
import { ProduceLane, type ProduceResult } from "./produce-lane.ts";

const format = "troupe-journal";
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
  /** Fail where there is no id yet. */
  readonly readOnly: boolean;
}

/** The id of the journal on this topic, given to it now if it has none. */
export async function identityOf(place: IdentityPlace): Promise<string> {
  const { link, topic, shards: partition, clock } = place;
  const reader = new PartitionReader(link, topic);
  const untilMs = clock.monotonicMs() + deadlineMs;
  for (;;) {
    const { low, end } = await reader.extent(partition);
    if (low > 0) throw unusable(link, "its last partition was cut; it must keep the journal's id");
    const [first] = end > 0 ? await reader.records(partition, 0, 1) : [];
    if (first !== undefined) return parse(link, Buffer.from(first.bytes).toString("utf8"));
    if (clock.monotonicMs() > untilMs) {
      throw unusable(link, `the journal's id was not stored within ${deadlineMs} ms`);
    }
    if (end === 0 && place.readOnly) throw unusable(link, "it holds no journal yet");
    if (end === 0) await write(place);
    await new Promise<void>((resolve) => clock.setTimer(lookEveryMs, resolve));
  }
}

/** Whatever becomes of it, the next look shows. Only a certain refusal is an end. */
async function write(place: IdentityPlace): Promise<void> {
  const { link, shards: partition, random } = place;
  const journalId = Buffer.from(random.bytes(16)).toString("hex");
  const text = JSON.stringify({ format, formatVersion, journalId, shards: partition });
  const { node } = await link.leaderOf(partition);
  const lane = new ProduceLane({ ...place, node, requestBytesMax: 1 });
  const request = { shard: partition, expected: 0, bytes: Buffer.from(text) };
  const result = await new Promise<ProduceResult>((settle) => lane.push([{ request, settle }]));
  if (result.outcome === "refused") throw result.cause;
}

function parse(link: ClusterLink, text: string): string {
  let fields: Partial<Record<"format" | "formatVersion" | "journalId", unknown>>;
  try {
    fields = JSON.parse(text) as typeof fields;
  } catch (error) {
    throw unusable(link, "its last partition does not begin with a journal's id", error);
  }
  if (fields.format !== format) throw unusable(link, `it is no ${format}`);
  if (Number(fields.formatVersion) > formatVersion) {
    const found = `format version ${Number(fields.formatVersion)}`;
    throw unusable(
      link,
      `it has ${found}, and this program knows ${formatVersion}: use a newer one`,
    );
  }
  if (typeof fields.journalId !== "string" || !/^[0-9a-f]{32}$/.test(fields.journalId)) {
    throw unusable(link, `its id is not valid: ${text}`);
  }
  return fields.journalId;
}

function unusable(link: ClusterLink, problem: string, cause?: unknown): TroupeError {
  return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: link.name, problem }, { cause });
}
