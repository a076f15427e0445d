/**
 * Decides when and where the logs of a node's shards are cut.
 *
 * When: after so many bytes written by all of them together, or four times what the last round had to copy,
 * whichever is more. So copying costs at most a quarter of the writing.
 * Where: at the place where the log ended in the round before. What has been busy since then has mostly got
 * bases of its own there and need not be copied; what rests is copied once a round.
 */
import { reasonOf } from "../kernel/index.ts";
import { type Bases, copyForward } from "./copy-forward.ts";
import type { ShardContext } from "./shard-context.ts";
import type { BaseSource, ResidentBases } from "./shard-log.ts";
import type { ShardOwner } from "./shard-owner.ts";

/** A shard that is served here just now. */
export interface ServedShard {
  readonly context: ShardContext;
  readonly owner: ShardOwner;
}

const GROWTH = 4;

export class Truncation {
  readonly #afterBytes: number;
  readonly #served: () => readonly ServedShard[];
  #bases: Bases | undefined;
  #written = 0;
  #dueBytes: number;
  #round: Promise<void> | undefined;
  #isClosed = false;

  /** `afterBytes` 0 = never by itself. */
  constructor(afterBytes: number, served: () => readonly ServedShard[]) {
    this.#afterBytes = afterBytes;
    this.#dueBytes = afterBytes;
    this.#served = served;
  }

  provideBases(stored: BaseSource, resident: ResidentBases = () => undefined): void {
    this.#bases = { stored, resident };
  }

  /** Counts; starts a round when one is due. */
  appended(bytes: number): void {
    this.#written += bytes;
    if (this.#afterBytes === 0 || this.#written < this.#dueBytes) return;
    if (this.#round === undefined && this.#bases !== undefined && !this.#isClosed) void this.cut();
  }

  /**
   * Cuts all shards that are served here, one after the other. Resolves when the round has ended.
   * `everything`: down to what lives, instead of what was written before the last round.
   */
  cut(everything = false): Promise<void> {
    this.#round ??= this.#cutAll(everything).finally(() => {
      this.#round = undefined;
    });
    return this.#round;
  }

  /** Starts no more rounds, and ends the present one after its present shard. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#round;
  }

  async #cutAll(everything: boolean): Promise<void> {
    const bases = this.#bases;
    if (bases === undefined) return;
    let copied = 0;
    for (const shard of this.#served()) {
      if (this.#isClosed) return;
      if (shard.owner.isServing) copied += await cutShard(shard, bases, everything);
    }
    this.#dueBytes = Math.max(this.#afterBytes, GROWTH * copied);
    // From here on: a round must not be due by what the one before has written itself.
    this.#written = 0;
  }
}

/** Returns the bytes of the bases that were written. */
async function cutShard(
  { context, owner }: ServedShard,
  bases: Bases,
  everything: boolean,
): Promise<number> {
  const { shard, logger } = context;
  const end = owner.confirmedEnd;
  const target = everything ? end : owner.roundMark;
  owner.roundMark = end;
  try {
    const { bytesCopied, entitiesHeldBack } = await copyForward(context, { owner, target }, bases);
    if (entitiesHeldBack === 0) return bytesCopied;
    const fields = { shard, entitiesHeldBack };
    logger.warn(
      "a log was cut less far than it should: the state of some entities could not be had",
      fields,
    );
    return bytesCopied;
  } catch (error) {
    // The shard was lost on the way, or a base could not be made; the next round tries again.
    logger.warn("a log was not cut", { shard, reason: reasonOf(error) });
    return 0;
  }
}
