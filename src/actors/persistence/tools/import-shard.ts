/**
 * Copies the events of one shard into the same shard of another journal, under a claim of its own.
 *
 *  I1. Events keep their order, numbers, times and bytes; what stood in one frame stands in one frame, so atomic
 *      commits stay atomic. Frames are made anew: positions, terms and the journal's id are the target's.
 *  I2. It goes on where an interrupted copy has ended: by the number of events that are there. What that one may
 *      still have in flight is void, because this one claims higher.
 */
import { limits, TroupeError } from "../../kernel/index.ts";
import type { AppendLane } from "../append-lane.ts";
import { type Claim, claimShard } from "../claim.ts";
import { eachEvent, IN_SAME_FRAME, readEvent, STARTS_ANEW, writeEvent } from "../event-codec.ts";
import { type Frame, FrameWriter } from "../frame.ts";
import { FateFinder } from "../frame-fate.ts";
import type { Journal, Position } from "../journal.ts";
import type { LogPrefix } from "../log-prefix.ts";
import type { ShardContext } from "../shard-context.ts";
import { recoverShard } from "../shard-recovery.ts";
import { toolContext } from "./reading-context.ts";
import { ShardReading } from "./shard-reading.ts";

export interface ShardCopy {
  readonly source: Journal;
  readonly target: Journal;
  readonly shard: number;
  readonly lane: AppendLane;
}

/** Returns how many events were copied now. */
export async function importShard({ source, target, shard, lane }: ShardCopy): Promise<number> {
  let skip = await eventsIn(target, shard);
  const reading = await ShardReading.open(source, shard);
  let writer: CopyWriter | undefined;
  let copied = 0;
  for await (const page of reading.pages()) {
    for (const { frame, verdict, record } of page) {
      if (verdict !== "accept" || frame?.kind !== "data" || frame.count === 0) continue;
      if (skip > 0) {
        skip -= frame.count;
        if (skip < 0) throw differs(shard);
        continue;
      }
      writer ??= await CopyWriter.claim(toolContext(target, shard, lane));
      await writer.add(frame, record.position);
      copied += frame.count;
    }
  }
  if (skip > 0) throw differs(shard);
  await writer?.flush();
  return copied;
}

async function eventsIn(journal: Journal, shard: number): Promise<number> {
  const reading = await ShardReading.open(journal, shard);
  let events = 0;
  for await (const page of reading.pages()) {
    for (const { frame, verdict } of page) {
      if (verdict === "accept" && frame?.kind === "data") events += frame.count;
    }
  }
  return events;
}

function differs(shard: number): TroupeError {
  const problem = `what an interrupted import has left in shard ${shard} is not the beginning of the source; delete the topic and begin anew`;
  return new TroupeError("TROUPE_JOURNAL_UNUSABLE", { journal: "that is imported to", problem });
}

class CopyWriter {
  readonly #context: ShardContext;
  readonly #prefix: LogPrefix;
  readonly #claim: Claim;
  #writer: FrameWriter;
  /** Entities with an event in the open frame; false = the last one was a tombstone. */
  #open = new Map<string, boolean>();

  private constructor(context: ShardContext, prefix: LogPrefix, claim: Claim) {
    this.#context = context;
    this.#prefix = prefix;
    this.#claim = claim;
    this.#writer = new FrameWriter(context.identity);
  }

  static async claim(context: ShardContext): Promise<CopyWriter> {
    const prefix = await recoverShard(context);
    const claim = await claimShard(context, prefix, { termTried: 0 });
    if (typeof claim === "string") throw deposed(context.shard, prefix);
    return new CopyWriter(context, prefix, claim);
  }

  async add(frame: Frame, position: Position): Promise<void> {
    const { recordBytesMax } = this.#context.journal;
    const isFull = this.#writer.frameBytes + frame.bytes.length > recordBytesMax;
    if (this.#writer.count > 0 && isFull) await this.flush();
    eachEvent(frame, (start) => {
      const event = readEvent(frame, start, position);
      const { persistenceId, sequenceNumber, kind } = event;
      const previous = this.#previousOf(persistenceId);
      writeEvent(this.#writer, { persistenceId, sequenceNumber, previous }, event);
      this.#open.set(persistenceId, kind !== "tombstone");
    });
    if (this.#writer.frameBytes >= limits.frameBytes) await this.flush();
  }

  #previousOf(persistenceId: string): Position {
    const inFrame = this.#open.get(persistenceId);
    const { directory } = this.#prefix;
    if (inFrame === undefined) return directory.previousOf(directory.slot(persistenceId));
    return inFrame ? IN_SAME_FRAME : STARTS_ANEW;
  }

  async flush(): Promise<void> {
    if (this.#writer.count === 0) return;
    const { shard, lane, identity } = this.#context;
    const prefix = this.#prefix;
    const { term, nonce, clusterView } = this.#claim;
    const events = this.#writer.count;
    const numbers = {
      kind: "data",
      term,
      nonce,
      seq: prefix.state.seq + 1,
      confirmedCheckpoint: prefix.checkpoint.position,
      clusterView,
      node: identity.node,
    } as const;
    const bytes = this.#writer.seal(numbers);
    this.#open = new Map();
    const result = await lane.append({ shard, expected: prefix.at, bytes });
    if (result.outcome === "at" && result.clean) {
      prefix.take({ position: result.at, next: result.next, bytes });
      this.#writer.reset();
      return;
    }
    const sent = { numbers, bytes, events };
    const fate = await new FateFinder(this.#context, prefix, sent).find(result, () => false);
    if (fate !== undefined && "error" in fate) throw fate.error;
    // Copies of it may still be on their way.
    this.#writer = new FrameWriter(identity);
  }
}

function deposed(shard: number, { state }: LogPrefix): TroupeError {
  return new TroupeError("TROUPE_SHARD_DEPOSED", { shard, by: state.node });
}
