/**
 * The journal on a Kafka topic: a shard is a partition, a position an offset. The topic has one
 * partition more than shards; the last holds the journal's id, so that a topic that is made anew
 * is another journal.
 *
 * K1. An append is answered `at` when all in-sync copies have it; four errors that come before
 *     any write are `refused`; everything else is `uncertain`, the connection's end as well.
 * K2. Nothing is repeated here. The next call finds a broker that answers.
 */
import { type Clock, isTroupeError, reasonOf, TroupeError } from "../../../kernel/index.ts";
import type {
  AppendRequest,
  AppendResult,
  Journal,
  JournalPage,
  JournalRecord,
  Position,
  ShardExtent,
} from "../../journal.ts";
import {
  beyondEnd,
  closed,
  isShard,
  noSuchShard,
  openedReadOnly,
  recordTooLarge,
} from "../journal-errors.ts";
import type { ClusterLink } from "./cluster-link.ts";
import { PartitionReader } from "./partition-reader.ts";
import { ProduceLane, type ProduceResult, type WaitingAppend } from "./produce-lane.ts";

export interface KafkaJournalParts {
  readonly link: ClusterLink;
  readonly topic: string;
  readonly clock: Clock;
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax: number;
  readonly requestBytesMax: number;
  readonly ackTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly readOnly: boolean;
}

export class KafkaJournal implements Journal {
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax: number;
  readonly #parts: KafkaJournalParts;
  readonly #reader: PartitionReader;
  /** By node id. */
  readonly #lanes = new Map<number, ProduceLane>();
  #waiting: WaitingAppend[] = [];
  readonly #unsettled = new Set<Promise<unknown>>();
  #isClosed = false;

  constructor(parts: KafkaJournalParts) {
    this.journalId = parts.journalId;
    this.shards = parts.shards;
    this.recordBytesMax = parts.recordBytesMax;
    this.#parts = parts;
    this.#reader = new PartitionReader(parts.link, parts.topic);
  }

  async append(
    requests: readonly AppendRequest[],
    onResult?: (index: number, result: AppendResult) => void,
  ): Promise<readonly AppendResult[]> {
    const appends = Promise.all(
      requests.map(async (request, index) => {
        const result = await this.#append(request);
        onResult?.(index, result);
        return result;
      }),
    );
    this.#unsettled.add(appends);
    try {
      return await appends;
    } finally {
      this.#unsettled.delete(appends);
    }
  }

  async #append(request: AppendRequest): Promise<AppendResult> {
    const cause = this.#reasonToRefuse(request);
    if (cause !== undefined) return { outcome: "refused", cause };
    const result = await new Promise<ProduceResult>((settle) => {
      // Not at once: what is appended in the same turn of the event loop goes out together.
      if (this.#waiting.length === 0) setImmediate(() => void this.#dispatch());
      this.#waiting.push({ request, settle });
    });
    if (result.outcome !== "at") {
      return { outcome: result.outcome, cause: this.#named(result.cause, "append") };
    }
    const { at } = result;
    if (at < request.expected) {
      const lost = beyondEnd(request.shard, request.expected, at);
      return { outcome: "uncertain", cause: lost };
    }
    return { outcome: "at", at, next: at + 1, clean: at === request.expected };
  }

  #reasonToRefuse(request: AppendRequest): TroupeError | undefined {
    if (this.#isClosed) return closed(this.#parts.link.name);
    if (this.#parts.readOnly) return openedReadOnly(this.#parts.link.name);
    if (!isShard(request.shard, this.shards)) return noSuchShard(request.shard, this.shards);
    if (request.bytes.byteLength <= this.recordBytesMax) return undefined;
    return recordTooLarge(request, this.recordBytesMax);
  }

  /** Gives each append to the lane of its partition's leader. */
  async #dispatch(): Promise<void> {
    const appends = this.#waiting;
    this.#waiting = [];
    const byNode = new Map<number, WaitingAppend[]>();
    for (const append of appends) {
      try {
        const { node } = await this.#parts.link.leaderOf(append.request.shard);
        const ofNode = byNode.get(node);
        if (ofNode === undefined) byNode.set(node, [append]);
        else ofNode.push(append);
      } catch (cause) {
        append.settle({ outcome: "uncertain", cause });
      }
    }
    for (const [node, ofNode] of byNode) this.#lane(node).push(ofNode);
  }

  #lane(node: number): ProduceLane {
    let lane = this.#lanes.get(node);
    if (lane === undefined) {
      lane = new ProduceLane({ ...this.#parts, node });
      this.#lanes.set(node, lane);
    }
    return lane;
  }

  async tail(shard: number): Promise<ShardExtent> {
    this.#checkUsable(shard);
    return this.#reading("find the tail", () => this.#reader.extent(shard));
  }

  async read(shard: number, from: Position, bytesMax: number): Promise<JournalPage> {
    this.#checkUsable(shard);
    const records = await this.#reading("read", () =>
      this.#reader.records(shard, from, Math.max(1, bytesMax)),
    );
    return { records, next: records.at(-1)?.next ?? from };
  }

  async readAt(shard: number, position: Position): Promise<JournalRecord> {
    this.#checkUsable(shard);
    const [record] = await this.#reading("read", () => this.#reader.records(shard, position, 1));
    if (record?.position === position) return record;
    const { end } = await this.tail(shard);
    throw beyondEnd(shard, position, end);
  }

  async cut(shard: number, before: Position): Promise<void> {
    this.#checkUsable(shard);
    if (this.#parts.readOnly) throw openedReadOnly(this.#parts.link.name);
    await this.#reading("cut", async () => {
      const { low, end } = await this.#reader.extent(shard);
      const mark = Math.min(before, end);
      if (mark > low) await this.#reader.removeBelow(shard, mark);
    });
  }

  async #reading<Result>(operation: string, work: () => Promise<Result>): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      throw this.#named(error, operation);
    }
  }

  #checkUsable(shard: number): void {
    if (this.#isClosed) throw closed(this.#parts.link.name);
    if (!isShard(shard, this.shards)) throw noSuchShard(shard, this.shards);
  }

  #named(error: unknown, operation: string): unknown {
    if (isTroupeError(error)) return error;
    const details = { journal: this.#parts.link.name, operation, reason: reasonOf(error) };
    return new TroupeError("TROUPE_JOURNAL_UNAVAILABLE", details, { cause: error });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    while (this.#unsettled.size > 0) await Promise.allSettled(this.#unsettled);
    this.#parts.link.close();
  }
}
