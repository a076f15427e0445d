/** Reads of single partitions: pages of records, and where the log begins and ends. */
import type { JournalRecord, Position, ShardExtent } from "../../journal.ts";
import { beyondEnd, outOfRange } from "../journal-errors.ts";
import type { ClusterLink } from "./cluster-link.ts";
import type { Destination } from "./leader-watch.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";

interface Message {
  readonly offset: string;
  readonly value: Buffer | null;
  readonly isControlRecord: boolean;
}

interface FetchAnswer {
  readonly errorCode?: number;
  readonly responses: readonly {
    readonly partitions: readonly { errorCode: number; messages: readonly Message[] }[];
  }[];
}

interface ListOffsetsAnswer {
  readonly responses: readonly {
    readonly partitions: readonly { errorCode: number; offset: string }[];
  }[];
}

const earliest = -2;
const latest = -1;
/** Reads of everything that is confirmed; nobody writes transactions here. */
const readUncommitted = 0;
/** What a record takes beside its bytes, at most. */
const overheadBytes = 1024;

export class PartitionReader {
  readonly #link: ClusterLink;
  readonly #topic: string;

  constructor(link: ClusterLink, topic: string) {
    this.#link = link;
    this.#topic = topic;
  }

  async extent(partition: number): Promise<ShardExtent> {
    const [low, end] = await Promise.all([
      this.#offset(partition, earliest),
      this.#offset(partition, latest),
    ]);
    return { low, end: Math.max(low, end) };
  }

  /** The first error that keeps a partition from being read; undefined when all can be. */
  async obstacle(partitions: readonly number[]): Promise<unknown> {
    const byNode = new Map<number, number[]>();
    for (const partition of partitions) {
      const { node } = await this.#link.leaderOf(partition);
      byNode.set(node, [...(byNode.get(node) ?? []), partition]);
    }
    for (const [node, ofNode] of byNode) {
      const asked = ofNode.map((partition) => ({ partition, timestamp: latest }));
      const { responses } = await this.#listOffsets({ node, partitions: ofNode }, asked);
      const codes = responses.flatMap((response) =>
        response.partitions.map((one) => one.errorCode),
      );
      const bad = codes.find((code) => code !== protocolError.none);
      if (bad !== undefined) return errorOf(bad);
    }
    return undefined;
  }

  async #offset(partition: number, timestamp: number): Promise<Position> {
    const destination = await this.#link.leaderOf(partition);
    const answer = await this.#listOffsets(destination, [{ partition, timestamp }]);
    const [found] = answer.responses.flatMap(({ partitions }) => partitions);
    this.#check(found?.errorCode ?? -1);
    return Number(found?.offset);
  }

  #listOffsets(
    destination: Destination,
    partitions: readonly { readonly partition: number; readonly timestamp: number }[],
  ): Promise<ListOffsetsAnswer> {
    const topics = [{ topic: this.#topic, partitions }];
    const payload = { replicaId: -1, isolationLevel: readUncommitted, topics };
    return this.#link.use(destination, (wire) =>
      wire.request<ListOffsetsAnswer>("ListOffsets", payload),
    );
  }

  /** Up to about `bytesMax` bytes from `from` on, at least one record if there is one. */
  async records(
    partition: number,
    from: Position,
    bytesMax: number,
  ): Promise<readonly JournalRecord[]> {
    const records: JournalRecord[] = [];
    // Markers of transactions are no records, and may fill an answer.
    for (let at = from; records.length === 0; ) {
      const messages = await this.#fetch(partition, at, bytesMax + overheadBytes);
      const last = messages.at(-1);
      if (last === undefined || Number(last.offset) < at) break;
      collect(messages, { from: at, bytesMax, into: records });
      at = Number(last.offset) + 1;
    }
    return records;
  }

  async #fetch(partition: number, from: Position, maxBytes: number): Promise<readonly Message[]> {
    const destination = await this.#link.leaderOf(partition);
    const partitions = [{ partition, fetchOffset: String(from), maxBytes }];
    const payload = {
      replicaId: -1,
      isolationLevel: readUncommitted,
      maxWaitTime: 0,
      minBytes: 0,
      maxBytes,
      topics: [{ topic: this.#topic, partitions }],
    };
    const answer = await this.#link.use(destination, (wire) =>
      wire.request<FetchAnswer>("Fetch", payload),
    );
    const [found] = answer.responses.flatMap((response) => response.partitions);
    const code = found?.errorCode ?? answer.errorCode ?? -1;
    if (code === protocolError.offsetOutOfRange) {
      const { low, end } = await this.extent(partition);
      throw from < low ? outOfRange(partition, from, low) : beyondEnd(partition, from, end);
    }
    this.#check(code);
    return found?.messages ?? [];
  }

  /** Removes what lies below `before`; the brokers give the room back by whole segments. */
  async removeBelow(partition: number, before: Position): Promise<void> {
    const destination = await this.#link.leaderOf(partition);
    const topics = [{ topic: this.#topic, partitions: [{ partition, offset: String(before) }] }];
    const answer = await this.#link.use(destination, (wire) =>
      wire.request<{ topics: readonly { partitions: readonly { errorCode: number }[] }[] }>(
        "DeleteRecords",
        { topics },
      ),
    );
    for (const { errorCode } of answer.topics.flatMap(({ partitions }) => partitions)) {
      this.#check(errorCode);
    }
  }

  #check(code: number): void {
    if (code === protocolError.none) return;
    this.#link.distrust();
    throw errorOf(code);
  }
}

function collect(
  messages: readonly Message[],
  {
    from,
    bytesMax,
    into,
  }: { readonly from: Position; readonly bytesMax: number; readonly into: JournalRecord[] },
): void {
  let bytes = 0;
  for (const { offset, value, isControlRecord } of messages) {
    const position = Number(offset);
    // A batch is sent whole, also when the read begins in its middle.
    if (position < from || isControlRecord) continue;
    if (into.length > 0 && bytes >= bytesMax) break;
    // Copied: the answer's buffer is shared by all that came with it.
    const copy = Uint8Array.from(value ?? []);
    into.push({ position, next: position + 1, bytes: copy });
    bytes += copy.byteLength;
  }
}
