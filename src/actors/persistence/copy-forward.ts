/**
 * Truncation by copying forward: every entity that still needs a frame below the cut gets a new base above it,
 * a checkpoint names those bases, an empty frame carries the pointer to that checkpoint, and only then is
 * the log cut.
 *
 *  T1. Nothing that a recovery of the shard or of an entity may read is cut away: not the checkpoint that the
 *      newest frames point to, not the `from` of any entity, not what a replay under way will still read.
 *  T2. The pointer stands in a confirmed frame before the cut. Otherwise a successor could find only pointers
 *      into what has gone.
 *  T3. An entity whose state cannot be had stays as it is and holds the cut back; nothing else fails.
 *  T4. It may stop at any point, also in a deposed owner: what it wrote is true, and a late cut takes only
 *      what nobody needs since T2.
 */
import { isTroupeError, reasonOf } from "../kernel/index.ts";
import type { Position } from "./journal.ts";
import type { ShardContext } from "./shard-context.ts";
import type {
  BaseSource,
  BaseState,
  DirectoryEntry,
  ResidentBases,
  StagedEvent,
  StoredEvent,
} from "./shard-log.ts";
import type { ShardOwner } from "./shard-owner.ts";

/** Bases that are being made at the same time. */
const BASES_AT_ONCE = 32;
/** How often a state is read from the log again because the entity went on meanwhile. One in memory has no need of it. */
const BASE_TRIES_MAX = 8;

/** Of an event beside its id and its payload. */
const eventBytesAtLeast = 40;
/** After these nothing more can be had from this log. */
const failsForAll = ["TROUPE_JOURNAL_UNAVAILABLE", "TROUPE_JOURNAL_OUT_OF_RANGE"] as const;

/** Where states come from. */
export interface Bases {
  readonly stored: BaseSource;
  readonly resident: ResidentBases;
}

export interface CutOutcome {
  /** Everything below has gone; undefined = nothing could be cut. */
  readonly before: Position | undefined;
  readonly entitiesCopied: number;
  /** Of their bases, and of the checkpoint that names them. */
  readonly bytesCopied: number;
  /** Whose state could not be had. */
  readonly entitiesHeldBack: number;
}

/** Makes everything below `target`, a place in the confirmed log, needless as far as possible, and cuts it. */
export async function copyForward(
  context: ShardContext,
  { owner, target }: { readonly owner: ShardOwner; readonly target: Position },
  bases: Bases,
): Promise<CutOutcome> {
  const { journal, shard, rules, observer } = context;
  const { low } = await journal.tail(shard);
  const upkeepBytes = owner.upkeepBytes;
  if (target <= low) {
    return { before: undefined, entitiesCopied: 0, bytesCopied: 0, entitiesHeldBack: 0 };
  }
  const { copied, bytes, heldBack } = await new BaseWriter(context, owner, bases).writeAll(target);
  await owner.checkpoint({ full: true, dropBelow: target });
  if (rules.pointsBeforeCut) await owner.barrier();
  // The checkpoint began above the target, so its own parts are safe.
  const before = owner.lowestNeeded(target);
  if (before > low) {
    await journal.cut(shard, before);
    observer.cut?.(shard, { before, entitiesCopied: copied });
  }
  return {
    before: before > low ? before : undefined,
    entitiesCopied: copied,
    bytesCopied: bytes + owner.upkeepBytes - upkeepBytes,
    entitiesHeldBack: heldBack,
  };
}

class BaseWriter {
  readonly #context: ShardContext;
  readonly #owner: ShardOwner;
  readonly #bases: Bases;
  #copied = 0;
  #bytes = 0;
  #heldBack = 0;
  #hasTold = false;

  constructor(context: ShardContext, owner: ShardOwner, bases: Bases) {
    this.#context = context;
    this.#owner = owner;
    this.#bases = bases;
  }

  async writeAll(target: Position): Promise<{ copied: number; bytes: number; heldBack: number }> {
    const { rules } = this.#context;
    const waiting: string[] = [];
    for (const [persistenceId, entry] of this.#owner.entries()) {
      if (rules.needsCopy(entry, target)) waiting.push(persistenceId);
    }
    const worker = async (): Promise<void> => {
      for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
        if (await this.#write(id, target)) this.#copied += 1;
        else this.#heldBack += 1;
      }
    };
    await Promise.all(Array.from({ length: BASES_AT_ONCE }, worker));
    return { copied: this.#copied, bytes: this.#bytes, heldBack: this.#heldBack };
  }

  /** False when the state cannot be had; throws when the log itself fails. */
  async #write(persistenceId: string, target: Position): Promise<boolean> {
    try {
      for (let tries = 0; tries < BASE_TRIES_MAX; ) {
        const done = await this.#try(persistenceId, target);
        if (typeof done === "boolean") return done;
        if (done === "overtaken") tries += 1;
        // What is staged is confirmed first, and gives its room back; then the state is asked for again.
        await this.#owner.barrier();
      }
      return false;
    } catch (error) {
      if (!this.#owner.isServing || failsForAll.some((code) => isTroupeError(error, code)))
        throw error;
      this.#tell(persistenceId, error);
      return false;
    }
  }

  /** Once in a round: what is wrong with one is often wrong with all of its kind. */
  #tell(persistenceId: string, error: unknown): void {
    if (this.#hasTold) return;
    this.#hasTold = true;
    const { logger, shard } = this.#context;
    const fields = { shard, persistenceId, error };
    logger.warn(`a log stays as long as one of its entities needs it: ${reasonOf(error)}`, fields);
  }

  /** A word = once more: the entity has gone on, or the shard takes nothing just now. */
  async #try(persistenceId: string, target: Position): Promise<boolean | "overtaken" | "busy"> {
    const entry = this.#owner.entry(persistenceId);
    // Deleted meanwhile, or with a base of its own.
    if (entry === undefined || !this.#context.rules.needsCopy(entry, target)) return true;
    const resident = this.#bases.resident(this.#owner, persistenceId);
    if (resident !== undefined) return this.#commit(persistenceId, resident);
    const before = this.#owner.lastSequenceNumberOf(persistenceId);
    const state = await this.#stateOf(persistenceId, entry);
    const now = this.#owner.lastSequenceNumberOf(persistenceId);
    if (state?.sequenceNumber === now) return this.#commit(persistenceId, state.event);
    return state === undefined && now === before ? false : "overtaken";
  }

  /** A base that stands alone is copied as it is, without waking anything. */
  async #stateOf(persistenceId: string, entry: DirectoryEntry): Promise<BaseState | undefined> {
    if (entry.from === entry.position) {
      const events: StoredEvent[] = [];
      await this.#owner.replay(persistenceId, (event) => events.push(event));
      const [base] = events;
      if (base?.kind === "base" && events.length === 1) {
        return { sequenceNumber: base.sequenceNumber, event: base };
      }
    }
    return this.#bases.stored(this.#owner, persistenceId);
  }

  async #commit(persistenceId: string, event: StagedEvent): Promise<true | "busy"> {
    try {
      await this.#owner.commit(persistenceId, [event]).confirmed;
      this.#bytes += eventBytesAtLeast + persistenceId.length + event.payload.length;
      return true;
    } catch (error) {
      if (isTroupeError(error, "TROUPE_SHARD_BUSY")) return "busy";
      throw error;
    }
  }
}
