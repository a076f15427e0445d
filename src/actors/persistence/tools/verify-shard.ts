/**
 * Proves a shard: every record is read and judged, every event is held against the one before it, every entry of
 * every checkpoint against the events, and what a recovery would come to against all of it.
 */
import { isTroupeError } from "../../kernel/index.ts";
import { checksumOf, type Frame } from "../frame.ts";
import type { Journal, Position } from "../journal.ts";
import { isCutAway, type LogPrefix, lossTexts } from "../log-prefix.ts";
import type { JudgedRecord } from "../record-judge.ts";
import { provesLoss, type ReplayState, type SkipReason } from "../replay-rule.ts";
import { recoverShard } from "../shard-recovery.ts";
import { CheckpointProof } from "./checkpoint-proof.ts";
import { EventProof } from "./event-proof.ts";
import { readingContext } from "./reading-context.ts";
import { ShardReading } from "./shard-reading.ts";

/** Something in the log is not as it was written, or not as it can have been written. */
export interface Damage {
  /** undefined = the store says it, and names the place in `problem`. */
  readonly position: Position | undefined;
  readonly problem: string;
}

export interface ShardProof {
  readonly shard: number;
  /** That count, and were found sound. */
  readonly frames: number;
  readonly events: number;
  readonly entities: number;
  readonly skipped: Readonly<Partial<Record<SkipReason, number>>>;
  /** The first one; what lies behind it was not looked at. */
  readonly damage: Damage | undefined;
}

const TRIES_MAX = 5;

/** Reads the shard up to its present end, also while an owner writes to it. */
export async function verifyShard(journal: Journal, shard: number): Promise<ShardProof> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await verifyOnce(journal, shard);
    } catch (error) {
      // The owner has cut meanwhile.
      if (!isCutAway(error) || attempt >= TRIES_MAX) throw error;
    }
  }
}

async function verifyOnce(journal: Journal, shard: number): Promise<ShardProof> {
  const recovery = await orDamage(() => recoverShard(readingContext(journal, shard)));
  const reading = await orDamage(() => ShardReading.open(journal, shard));
  if ("problem" in reading) return { ...nothing(shard), damage: reading };
  const proof = new FrameProof({ shard, shards: journal.shards, low: reading.low });
  // Damage that stops a recovery is told last: the scan may meet what lies before it.
  const to = "problem" in recovery ? undefined : recovery.at;
  const scanned = await orDamage(async () => {
    for await (const page of reading.pages(to)) {
      for (const judged of page) {
        const damage = proof.take(judged);
        if (damage !== undefined) return damage;
      }
    }
    return undefined;
  });
  const damage =
    scanned ?? ("problem" in recovery ? recovery : proof.damageOfRecovery(recovery, reading.state));
  return { shard, ...proof.totals(), damage };
}

function nothing(shard: number): Omit<ShardProof, "damage"> {
  return { shard, frames: 0, events: 0, entities: 0, skipped: {} };
}

/** What the store, or the owner's code, calls damage is a finding here, not the end. */
async function orDamage<T>(work: () => Promise<T>): Promise<T | Damage> {
  try {
    return await work();
  } catch (error) {
    if (!isTroupeError(error, "TROUPE_JOURNAL_CORRUPT")) throw error;
    const { where, problem } = error.details;
    return { position: undefined, problem: `${where}: ${problem}` };
  }
}

class FrameProof {
  readonly #events: EventProof;
  readonly #checkpoints: CheckpointProof;
  readonly #skipped = new Map<SkipReason, number>();
  #frames = 0;
  /** Of the current claim's frames, from the first one seen on. */
  #checksums: { readonly first: number; readonly of: number[] } = { first: 0, of: [] };

  constructor(place: { readonly shard: number; readonly shards: number; readonly low: Position }) {
    this.#events = new EventProof(place);
    this.#checkpoints = new CheckpointProof(this.#events.directory, place.low);
  }

  take(judged: JudgedRecord): Damage | undefined {
    const { frame, verdict, record } = judged;
    const problem =
      verdict === "accept" && frame !== undefined
        ? this.#problemOfAccepted(frame, record.position)
        : this.#problemOfSkipped(verdict as SkipReason, frame);
    return problem === undefined ? undefined : { position: record.position, problem };
  }

  #problemOfSkipped(reason: SkipReason, frame: Frame | undefined): string | undefined {
    if (provesLoss(reason)) return lossTexts[reason] ?? reason;
    this.#skipped.set(reason, (this.#skipped.get(reason) ?? 0) + 1);
    if (reason !== "repeated" || frame === undefined) return undefined;
    const { first, of } = this.#checksums;
    const original = of[frame.seq - first];
    if (original === undefined || original === checksumOf(frame)) return undefined;
    return `a second frame ${frame.seq} of term ${frame.term} that is not a copy of the first: one of them is forged`;
  }

  #problemOfAccepted(frame: Frame, position: Position): string | undefined {
    const isFirst = frame.kind === "claim" || this.#frames === 0;
    if (isFirst) this.#checksums = { first: frame.seq, of: [] };
    this.#checksums.of.push(checksumOf(frame));
    this.#frames += 1;
    const problem = this.#checkpoints.problemOfPointer(frame);
    if (problem !== undefined || frame.kind === "claim") return problem;
    const proof = frame.kind === "data" ? this.#events : this.#checkpoints;
    return proof.take(frame, position);
  }

  damageOfRecovery(recovery: LogPrefix, state: ReplayState): Damage | undefined {
    const problem = this.#checkpoints.problemOfRecovery(recovery, state);
    return problem === undefined ? undefined : { position: recovery.checkpoint.position, problem };
  }

  totals(): Pick<ShardProof, "frames" | "events" | "entities" | "skipped"> {
    const { directory, events } = this.#events;
    const entities = [...directory.entries()].length;
    return { frames: this.#frames, events, entities, skipped: Object.fromEntries(this.#skipped) };
  }
}
