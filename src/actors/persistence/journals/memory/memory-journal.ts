/**
 * A journal in this process's memory, for tests and for systems without a data folder. It keeps
 * every promise of the port but the one that something outlives the process. Positions are 0, 1, 2 …
 */
import { limits, type Random, systemRandom, TroupeError } from "../../../kernel/index.ts";
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
  outOfRange,
  recordTooLarge,
} from "../journal-errors.ts";
import { checkShardCount } from "../shard-count.ts";

export interface MemoryJournalOptions {
  /** How many shards, 1 to 65,535; fixed for the journal's life. Default 64. */
  readonly shards?: number;
  /** Bytes of records that it holds at most; more is refused. Default `memoryJournalBytesMax`. */
  readonly bytesMax?: number;
  /** Makes the journal's id. Default: the machine's. */
  readonly random?: Random;
}

const name = "in memory";

class Shard {
  /** Position of the first record of `records`. */
  low: Position = 0;
  records: JournalRecord[] = [];

  get end(): Position {
    return this.low + this.records.length;
  }
}

class MemoryJournal implements Journal {
  readonly journalId: string;
  readonly shards: number;
  readonly recordBytesMax = limits.journalRecordBytesMax;
  readonly #bytesMax: number;
  readonly #shards: readonly Shard[];
  #bytes = 0;
  #isClosed = false;

  constructor(options: Required<MemoryJournalOptions>) {
    this.journalId = Buffer.from(options.random.bytes(16)).toString("hex");
    this.shards = options.shards;
    this.#bytesMax = options.bytesMax;
    this.#shards = Array.from({ length: options.shards }, () => new Shard());
  }

  async tail(shard: number): Promise<ShardExtent> {
    const { low, end } = this.#shard(shard);
    return { low, end };
  }

  async append(requests: readonly AppendRequest[]): Promise<readonly AppendResult[]> {
    return requests.map((request) => this.#append(request));
  }

  #append(request: AppendRequest): AppendResult {
    const { shard: number, expected } = request;
    const size = request.bytes.byteLength;
    const shard = this.#shards[number];
    const refused = (cause: TroupeError): AppendResult => ({ outcome: "refused", cause });
    if (this.#isClosed) return refused(closed(name));
    if (shard === undefined) return refused(noSuchShard(number, this.shards));
    if (size > this.recordBytesMax) return refused(recordTooLarge(request, this.recordBytesMax));
    if (this.#bytes + size > this.#bytesMax) {
      const reason = `it holds ${this.#bytes} bytes, and ${this.#bytesMax} are allowed`;
      return refused(new TroupeError("TROUPE_JOURNAL_FULL", { journal: name, reason }));
    }
    const at = shard.end;
    const next = at + 1;
    shard.records.push({ position: at, next, bytes: Uint8Array.from(request.bytes) });
    this.#bytes += size;
    return { outcome: "at", at, next, clean: at <= expected };
  }

  async read(shard: number, from: Position, bytesMax: number): Promise<JournalPage> {
    const { low, end, records } = this.#readable(shard, from);
    if (from > end) throw beyondEnd(shard, from, end);
    const found: JournalRecord[] = [];
    let bytes = 0;
    for (let at = from; at < end && (bytes < bytesMax || found.length === 0); at++) {
      const record = records[at - low];
      if (record === undefined) break;
      found.push(record);
      bytes += record.bytes.byteLength;
    }
    return { records: found, next: found.at(-1)?.next ?? from };
  }

  async readAt(shard: number, position: Position): Promise<JournalRecord> {
    const { low, end, records } = this.#readable(shard, position);
    const record = records[position - low];
    if (record === undefined) throw beyondEnd(shard, position, end);
    return record;
  }

  async cut(shard: number, before: Position): Promise<void> {
    const of = this.#shard(shard);
    const gone = of.records.splice(0, Math.max(0, before - of.low));
    of.low += gone.length;
    for (const { bytes } of gone) this.#bytes -= bytes.byteLength;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
  }

  #shard(number: number): Shard {
    if (this.#isClosed) throw closed(name);
    const shard = this.#shards[number];
    if (shard === undefined || !isShard(number, this.shards))
      throw noSuchShard(number, this.shards);
    return shard;
  }

  #readable(number: number, position: Position): Shard {
    const shard = this.#shard(number);
    if (position < shard.low) throw outOfRange(number, position, shard.low);
    return shard;
  }
}

/** A journal that lives and dies with this process. @throws TROUPE_OPTION_INVALID for `shards`. */
export function memoryJournal(options: MemoryJournalOptions = {}): Journal {
  const { shards = 64, bytesMax = limits.memoryJournalBytesMax, random = systemRandom } = options;
  checkShardCount(shards);
  return new MemoryJournal({ shards, bytesMax, random });
}
