/**
 * Everything that is known from a shard's log up to one place: whose claim is current, the directory, and the
 * newest confirmed checkpoint. Recovery builds it, a claim extends it, and the owner carries it on; when the
 * claim is lost the next recovery may go on from it.
 *
 *  L1. It changes only by whole records in the order of the log, each judged by the replay rule.
 *  L2. A skip that proves loss is an error: going on would serve a shard without what was acknowledged.
 */
import { isTroupeError, TroupeError } from "../kernel/index.ts";
import { type ConfirmedCheckpoint, NO_CHECKPOINT, type Swept } from "./checkpoint.ts";
import { Directory } from "./directory.ts";
import { glanceAtEvents } from "./event-codec.ts";
import { type Frame, type FrameNumbers, FrameReader } from "./frame.ts";
import type { JournalRecord, Position } from "./journal.ts";
import {
  advance,
  EMPTY_LOG,
  provesLoss,
  type ReplayState,
  type SkipReason,
} from "./replay-rule.ts";
import type { ShardContext } from "./shard-context.ts";

/** A frame that this process has written itself. */
export interface OwnFrame {
  readonly numbers: FrameNumbers & { readonly node: string };
  readonly bytes: Uint8Array;
  readonly events: number;
}

/** Shown each frame that counted, after it was applied. */
export type FrameListener = (frame: Frame, position: Position) => void;

export class LogPrefix {
  readonly directory = new Directory();
  state: ReplayState = EMPTY_LOG;
  /** Where the next unread record begins, or later. */
  at: Position = 0;
  checkpoint: ConfirmedCheckpoint = NO_CHECKPOINT;
  /** What counted since the newest checkpoint began. */
  readonly swept: Swept = { events: 0, bytes: 0 };
  readonly #context: ShardContext;
  readonly #reader: FrameReader;

  constructor(context: ShardContext) {
    this.#context = context;
    this.#reader = new FrameReader(context.identity.journalId, context.shard);
  }

  /** Reads one page and applies it. Returns false when nothing was there. */
  async readOn(onFrame?: FrameListener): Promise<boolean> {
    const { journal, shard, options } = this.#context;
    const page = await journal.read(shard, this.at, options.readPageBytes);
    for (const record of page.records) this.take(record, onFrame);
    return page.records.length > 0;
  }

  /** Reads up to `end`, the next page while the last one is being applied. */
  async sweepTo(end: Position): Promise<void> {
    const { journal, shard, options } = this.#context;
    let reading = journal.read(shard, this.at, options.readPageBytes);
    for (;;) {
      const page = await reading;
      if (page.records.length === 0) return;
      const more = page.next < end;
      if (more) {
        reading = journal.read(shard, page.next, options.readPageBytes);
        // If the page in hand proves to be damaged, nobody waits for the next one any more.
        reading.catch(ignore);
      }
      for (const record of page.records) this.take(record);
      if (!more) return;
    }
  }

  take(record: JournalRecord, onFrame?: FrameListener): void {
    const frame = this.#reader.read(record.bytes);
    if (typeof frame === "string") {
      this.#skip(record.position, frame);
    } else {
      this.#takeFrame(frame, record, onFrame);
    }
    this.at = record.next;
  }

  /** The fast way for a frame of one's own that the journal has confirmed right behind this prefix. */
  takeOwn(sent: OwnFrame, next: Position): void {
    this.state = advance(this.state, sent.numbers);
    this.at = next;
    this.swept.events += sent.events;
    this.swept.bytes += sent.bytes.length;
  }

  #takeFrame(frame: Frame, record: JournalRecord, onFrame: FrameListener | undefined): void {
    const { position } = record;
    // True in a skipped frame too: its writer saw that checkpoint confirmed.
    const { rules } = this.#context;
    this.checkpoint = rules.adoptPointer(this.checkpoint, frame.confirmedCheckpoint);
    const verdict = rules.judge(this.state, frame);
    if (verdict !== "accept") {
      this.#skip(position, verdict);
      return;
    }
    this.state = advance(this.state, frame);
    if (frame.kind === "data" && frame.count > 0) {
      glanceAtEvents(frame, (glance) => this.directory.fold(glance, position));
      this.swept.events += frame.count;
    }
    this.swept.bytes += record.bytes.length;
    onFrame?.(frame, position);
  }

  #skip(position: Position, reason: SkipReason): void {
    const { shard, observer } = this.#context;
    observer.frameSkipped?.(shard, position, reason);
    refuseLoss(shard, position, reason);
  }
}

const ignore = (): void => {};

/** Why a skip proves that something is missing, in words. */
export const lossTexts: { readonly [R in SkipReason]?: string } = {
  "other-claim": "a frame of an owner whose claim did not count",
  "unknown-claim": "a frame whose owner's claim is missing",
  gap: "the frame before this one is missing",
  damaged: "the frame's checksum or structure is wrong",
  "newer-version": "the frame was written by a newer version of this program; upgrade this one",
};

/** Ends a reader at a skip that proves loss: what lies behind it must not pass for the whole. */
export function refuseLoss(shard: number, position: Position, reason: SkipReason): void {
  if (reason === "newer-version") throw newer(shard, position);
  if (provesLoss(reason)) throw corrupt(shard, position, lossTexts[reason] ?? reason);
}

export function corrupt(shard: number, position: Position, problem: string): TroupeError {
  const where = `shard ${shard}, position ${position}`;
  return new TroupeError("TROUPE_JOURNAL_CORRUPT", { where, problem });
}

/** Not damage: a newer program can read it. */
function newer(shard: number, position: Position): TroupeError {
  const problem = `at position ${position} of shard ${shard} ${lossTexts["newer-version"]}`;
  return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: "of this system", problem });
}

/** Whether reading on is of no use: it is damaged, or of a newer version. */
export function isUnreadable(error: unknown): error is TroupeError {
  return (
    isTroupeError(error, "TROUPE_JOURNAL_CORRUPT") ||
    isTroupeError(error, "TROUPE_JOURNAL_UNUSABLE")
  );
}

/** Whether what was to be read has been cut away. */
export function isCutAway(error: unknown): boolean {
  return isTroupeError(error, "TROUPE_JOURNAL_OUT_OF_RANGE");
}
