/**
 * The raw reader: what the log itself says, without actors, directory, snapshots or recovery. The
 * replay rule is written here a second time, so that a mistake in the product's own shows.
 */
import { Packr } from "msgpackr";
import { readEvents } from "../../src/actors/persistence/event-codec.ts";
import { type Frame, FrameReader } from "../../src/actors/persistence/frame.ts";
import type { Journal, JournalRecord } from "../../src/actors/persistence/journal.ts";
import {
  advance,
  EMPTY_LOG,
  judge,
  provesLoss,
  type ReplayState,
} from "../../src/actors/persistence/replay-rule.ts";
import type { StoredEvent } from "../../src/actors/persistence/shard-log.ts";

/** What one event of the bank did. */
interface BankEvent {
  readonly key: string;
  readonly cents: number;
  readonly to?: string;
}

/** One command or transfer as the log has it. */
export interface Booked {
  times: number;
  readonly account: string;
  readonly cents: number;
  readonly to: string | undefined;
}

/** Whether a frame counts. The honest one is the default; a test plants another. */
export type CountRule = (state: ReplayState, frame: Frame) => boolean;

const counts: CountRule = (state, frame) =>
  frame.kind === "claim"
    ? frame.term > state.term
    : frame.term === state.term && frame.nonce === state.nonce && frame.seq === state.seq + 1;

const packr = new Packr({ useRecords: false });

export class LogAudit {
  readonly added = new Map<string, Booked>();
  readonly debited = new Map<string, Booked>();
  readonly credited = new Map<string, Booked>();
  readonly cents = new Map<string, number>();
  readonly violations: string[] = [];
  /** Frames that do not count, by the product's reason. */
  readonly skipped = new Map<string, number>();
  frames = 0;
  readonly #journalId: string;
  readonly #rule: CountRule;
  readonly #sequenceNumbers = new Map<string, number>();
  readonly #shards = new Map<number, { reader: FrameReader; state: ReplayState }>();

  constructor(journalId: string, rule: CountRule = counts) {
    this.#journalId = journalId;
    this.#rule = rule;
  }

  take(shard: number, record: JournalRecord): void {
    const log = this.#shards.get(shard) ?? {
      reader: new FrameReader(this.#journalId, shard),
      state: EMPTY_LOG,
    };
    this.#shards.set(shard, log);
    const where = `shard ${shard}, position ${record.position}`;
    const frame = log.reader.read(record.bytes);
    if (typeof frame === "string") return this.#violated(`${where}: the record is ${frame}`);
    this.frames++;
    const verdict = judge(log.state, frame);
    const accepted = this.#rule(log.state, frame);
    if (accepted !== (verdict === "accept")) {
      this.#violated(`${where}: two readers of one log disagree, the product says ${verdict}`);
    }
    if (verdict !== "accept") {
      this.skipped.set(verdict, (this.skipped.get(verdict) ?? 0) + 1);
      if (provesLoss(verdict)) this.#violated(`${where}: a frame is ${verdict}`);
    }
    if (!accepted) return undefined;
    log.state = advance(log.state, frame);
    if (frame.kind !== "data") return undefined;
    for (const event of readEvents(frame, record.position)) this.#count(where, event);
    return undefined;
  }

  #count(where: string, event: StoredEvent): void {
    const { persistenceId, sequenceNumber, kind } = event;
    const last = this.#sequenceNumbers.get(persistenceId) ?? 0;
    // Two writers that both count would give one number twice.
    if (sequenceNumber !== (kind === "base" ? last : last + 1)) {
      this.#violated(`${where}: ${kind} ${sequenceNumber} of ${persistenceId} comes after ${last}`);
    }
    this.#sequenceNumbers.set(persistenceId, sequenceNumber);
    if (kind !== "event" || event.type.startsWith("~")) return;
    const account = persistenceId.slice(persistenceId.indexOf("/") + 1);
    this.#book(account, event.type, packr.unpack(event.payload) as BankEvent);
  }

  #book(account: string, type: string, { key, cents, to }: BankEvent): void {
    const [book, sign] =
      type === "added"
        ? [this.added, 1]
        : type === "debited"
          ? [this.debited, -1]
          : type === "credited"
            ? [this.credited, 1]
            : [undefined, 0];
    if (book === undefined) return;
    const booked = book.get(key);
    if (booked === undefined) book.set(key, { times: 1, account, cents, to });
    else booked.times++;
    this.cents.set(account, (this.cents.get(account) ?? 0) + sign * cents);
  }

  #violated(text: string): void {
    this.violations.push(text);
  }
}

const pageBytes = 4 * 1024 * 1024;

/** Reads every shard from its first record to its last. */
export async function auditJournal(journal: Journal): Promise<LogAudit> {
  const audit = new LogAudit(journal.journalId);
  for (let shard = 0; shard < journal.shards; shard++) {
    const { low } = await journal.tail(shard);
    if (low > 0)
      audit.violations.push(`shard ${shard} was cut: what lies below ${low} is not seen`);
    for (let position = low; ; ) {
      const page = await journal.read(shard, position, pageBytes);
      if (page.records.length === 0) break;
      for (const record of page.records) audit.take(shard, record);
      position = page.next;
    }
  }
  return audit;
}
