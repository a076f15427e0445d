/**
 * Recovery of a shard: the greatest confirmed checkpoint, then one sweep of everything behind it.
 *
 *  R1. A checkpoint is trusted only if a frame points to it: its writer saw it confirmed. The last checkpoint
 *      frame in the log may be a late one of a deposed owner, and would hide acknowledged events.
 *  R2. A pointer is as old as the frame that bears it, and late copies land at the end: one whose checkpoint, or
 *      what that adds to, was cut away since is passed over for a greater one further back. The greatest in the
 *      log always leads to whole checkpoints, because its frame was confirmed before the cut.
 *  R3. Somebody who cuts meanwhile makes a read fall out of range; then the recovery starts over.
 *  R4. A log that starts above zero and holds no pointer is an error, never an empty shard. It is looked at
 *      several times before that is said: under a new leader the newest records may be hidden for a moment.
 */
import { TroupeError } from "../kernel/index.ts";
import type { ConfirmedCheckpoint } from "./checkpoint.ts";
import { readEntries, readPart } from "./checkpoint-codec.ts";
import { type Frame, FrameReader } from "./frame.ts";
import type { JournalRecord, Position, ShardExtent } from "./journal.ts";
import { corrupt, isCutAway, LogPrefix } from "./log-prefix.ts";
import { Backoff } from "./pause.ts";
import type { ShardContext } from "./shard-context.ts";

/**
 * How far from the end the first look for a pointer reaches, and by how much each further look reaches further.
 * Positions count records in one store and bytes in another: a look that finds nothing costs next to nothing.
 */
const LOOK_BACK = 4;
const LOOK_FACTOR = 64;
const TRIES_MAX = 20;
/** Looks at a log that seems to be damaged before that is believed. */
const DOUBTS_MAX = 6;
const PAUSE_MAX_MS = 1_000;

/** How often a recovery has met what looks like damage. */
interface Doubts {
  readonly backoff: Backoff;
}

/** Reads the shard up to its present end. */
export async function recoverShard(context: ShardContext): Promise<LogPrefix> {
  const startMs = context.clock.monotonicMs();
  const doubts = {
    backoff: new Backoff(context.clock, context.options.retryPauseMs, PAUSE_MAX_MS),
  };
  for (let attempt = 1; ; attempt++) {
    try {
      const prefix = await recoverOnce(context, doubts);
      report(context, prefix, startMs);
      return prefix;
    } catch (error) {
      if (!isCutAway(error) || attempt >= TRIES_MAX) throw error;
    }
  }
}

async function recoverOnce(context: ShardContext, doubts: Doubts): Promise<LogPrefix> {
  const extent = await context.journal.tail(context.shard);
  const prefix = await prefixFromCheckpoint(context, extent, doubts);
  await prefix.sweepTo(extent.end);
  return prefix;
}

async function prefixFromCheckpoint(
  context: ShardContext,
  extent: ShardExtent,
  doubts: Doubts,
): Promise<LogPrefix> {
  const search = new PointerSearch(context, extent);
  for (;;) {
    const prefix = new LogPrefix(context);
    const pointer = await search.next();
    if (pointer < 0) {
      const why = "no frame in it points to a checkpoint";
      if (extent.low > 0) await doubt(context, extent, { why, ...doubts });
      return prefix;
    }
    try {
      await loadCheckpoint(context, prefix, pointer);
      return prefix;
    } catch (error) {
      if (!isCutAway(error)) throw error;
      // A late copy points to what a later cut has made worthless. A better pointer stands further back.
      const why = "its newest checkpoint reaches below that";
      if (search.isExhausted) await doubt(context, extent, { why, ...doubts });
    }
  }
}

/** Makes the recovery start over; when there have been enough doubts, the log is damaged. */
async function doubt(
  { journal, shard }: ShardContext,
  before: ShardExtent,
  { why, backoff }: Doubts & { readonly why: string },
): Promise<never> {
  const { low } = await journal.tail(shard);
  if (low === before.low) {
    if (backoff.waits >= DOUBTS_MAX) throw corrupt(shard, low, `the log starts here, and ${why}`);
    await backoff.wait();
  }
  // Otherwise somebody has cut between the two looks, and the pointers that were there are gone.
  const details = { shard, position: before.low, first: low };
  throw new TroupeError("TROUPE_JOURNAL_OUT_OF_RANGE", details);
}

/** Looks for pointers to checkpoints from the end of the log backwards, each time further. */
class PointerSearch {
  readonly #context: ShardContext;
  readonly #reader: FrameReader;
  readonly #extent: ShardExtent;
  #reach = LOOK_BACK;
  #tried: Position = -1;
  /** The whole log has been looked through. */
  isExhausted = false;

  constructor(context: ShardContext, extent: ShardExtent) {
    this.#context = context;
    this.#extent = extent;
    this.#reader = new FrameReader(context.identity.journalId, context.shard);
  }

  /** A pointer that is greater than those tried before and leads to what is left of the log; -1 = there is none. */
  async next(): Promise<Position> {
    const { low, end } = this.#extent;
    while (!this.isExhausted) {
      const from = Math.max(low, end - this.#reach);
      this.#reach *= LOOK_FACTOR;
      this.isExhausted = from === low;
      const pointer = await this.#greatestIn(from, end);
      if (pointer < low || pointer <= this.#tried) continue;
      this.#tried = pointer;
      return pointer;
    }
    return -1;
  }

  async #greatestIn(from: Position, end: Position): Promise<Position> {
    const { journal, shard, options } = this.#context;
    let pointer = -1;
    for (let at = from; at < end; ) {
      const page = await journal.read(shard, at, options.readPageBytes);
      if (page.records.length === 0) break;
      for (const record of page.records) pointer = Math.max(pointer, this.#pointerOf(record));
      at = page.next;
    }
    return pointer;
  }

  #pointerOf(record: JournalRecord): Position {
    const frame = this.#reader.read(record.bytes);
    if (typeof frame === "string") return -1;
    if (this.#context.rules.trustUnconfirmedCheckpoints) {
      return frame.kind === "checkpoint" && readPart(frame).last ? record.position : -1;
    }
    return frame.confirmedCheckpoint;
  }
}

/** Fills the prefix from a checkpoint and those that it adds to, newest first. */
async function loadCheckpoint(
  context: ShardContext,
  prefix: LogPrefix,
  pointer: Position,
): Promise<void> {
  let checkpoints = 0;
  for (let position = pointer; position >= 0; ) {
    const { frame, record } = await checkpointFrame(context, position);
    const part = readPart(frame);
    if (part.last) checkpoints += 1;
    readEntries(frame, (id, entry) => prefix.directory.restore(id, entry));
    if (part.first && checkpoints === 1) {
      prefix.state = context.rules.startAt(frame);
      prefix.at = record.next;
    }
    if (part.first && part.full) break;
    if (part.previous < 0 || part.previous >= position) {
      throw corrupt(
        context.shard,
        position,
        "a part of a checkpoint does not lead to its first part",
      );
    }
    position = part.previous;
  }
  const checkpoint: ConfirmedCheckpoint = {
    position: pointer,
    extendable: true,
    chainLength: checkpoints,
  };
  prefix.checkpoint = checkpoint;
}

async function checkpointFrame(
  { journal, shard, identity }: ShardContext,
  position: Position,
): Promise<{ frame: Frame; record: JournalRecord }> {
  const record = await journal.readAt(shard, position);
  const frame = new FrameReader(identity.journalId, shard).read(record.bytes);
  if (typeof frame === "string" || frame.kind !== "checkpoint") {
    throw corrupt(shard, position, "a pointer leads here, but this is no part of a checkpoint");
  }
  return { frame, record };
}

function report(
  { shard, clock, observer }: ShardContext,
  prefix: LogPrefix,
  startMs: number,
): void {
  observer.recovered?.(shard, {
    entities: prefix.directory.size,
    events: prefix.swept.events,
    bytes: prefix.swept.bytes,
    tookMs: clock.monotonicMs() - startMs,
  });
}
