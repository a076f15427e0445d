/** The shard logs of one node over one journal: keeps what is opened, and lets all shards share the way to the store. */
import {
  type Clock,
  type Logger,
  type Random,
  silentLogger,
  systemClock,
  systemRandom,
} from "../kernel/index.ts";
import { AppendLane } from "./append-lane.ts";
import { notServing } from "./claim.ts";
import { FrameCache } from "./frame-cache.ts";
import type { Journal } from "./journal.ts";
import type { JournalObserver } from "./journal-observer.ts";
import {
  aloneView,
  type ProtocolRules,
  protocolRules,
  type ShardContext,
  type ViewSource,
} from "./shard-context.ts";
import { ShardFrames } from "./shard-frames.ts";
import { shardOfId } from "./shard-hash.ts";
import { ShardKeeper } from "./shard-keeper.ts";
import type { BaseSource, ResidentBases, ShardLog, ShardLogs } from "./shard-log.ts";
import { defaultShardLogsOptions, type ShardLogsOptions } from "./shard-logs-options.ts";
import { type ServedShard, Truncation } from "./truncation.ts";
import { WalkPace } from "./walk-pace.ts";

export interface ShardLogsParts {
  readonly journal: Journal;
  /** This node's name, in every frame that it writes. */
  readonly node: string;
  /** Default: this node is alone and owns everything. */
  readonly views?: ViewSource;
  readonly clock?: Clock;
  readonly random?: Random;
  readonly logger?: Logger;
  readonly observer?: JournalObserver;
  readonly options?: Partial<ShardLogsOptions>;
}

/** At a close, a checkpoint is written for a shard whose recovery would have to sweep more than this. */
const CHECKPOINT_AT_CLOSE_EVENTS = 1_000;

export function openShardLogs(parts: ShardLogsParts): NodeShardLogs {
  const options = { ...defaultShardLogsOptions, ...parts.options };
  return new NodeShardLogs(parts, options, protocolRules(options.reclaimsMax));
}

export class NodeShardLogs implements ShardLogs {
  readonly shards: number;
  readonly journalId: string;
  readonly #parts: ShardLogsParts;
  readonly #options: ShardLogsOptions;
  readonly #rules: ProtocolRules;
  readonly #lane: AppendLane;
  readonly #frames: FrameCache;
  readonly #pace: WalkPace;
  readonly #truncation: Truncation;
  readonly #kept = new Map<
    number,
    { readonly context: ShardContext; readonly keeper: ShardKeeper }
  >();
  readonly #listeners = new Set<(shard: number, error: unknown) => void>();
  readonly #forgetViews: (() => void) | undefined;
  #isClosed = false;

  constructor(parts: ShardLogsParts, options: ShardLogsOptions, rules: ProtocolRules) {
    const { journal, clock = systemClock } = parts;
    this.shards = journal.shards;
    this.journalId = journal.journalId;
    this.#parts = parts;
    this.#options = options;
    this.#rules = rules;
    this.#frames = new FrameCache(options.frameCacheBytes);
    this.#pace = new WalkPace(clock, options.sliceMs);
    this.#truncation = new Truncation(options.cutAfterBytes, () => this.#served());
    this.#lane = new AppendLane(journal, {
      ...options,
      clock,
      onAppended: (bytes) => this.#truncation.appended(bytes),
    });
    this.#forgetViews = parts.views?.onChange?.(() => {
      for (const { keeper } of this.#kept.values()) keeper.viewChanged();
    });
  }

  shardOf(persistenceId: string): number {
    return shardOfId(persistenceId, this.shards);
  }

  open(shard: number): Promise<ShardLog> {
    if (this.#isClosed)
      return Promise.reject(notServing(shard, "this node has closed its journal"));
    return this.#keeperOf(shard).open();
  }

  onDeposed(listener: (shard: number, error: unknown) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  provideBases(source: BaseSource, residents?: ResidentBases): void {
    this.#truncation.provideBases(source, residents);
  }

  /** Copies forward and cuts all shards that are served here; see `Truncation`. */
  cut(everything = false): Promise<void> {
    return this.#truncation.cut(everything);
  }

  /** Flushes one shard and gives it up, for a planned hand-off. */
  async release(shard: number): Promise<void> {
    await this.#kept.get(shard)?.keeper.release();
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#forgetViews?.();
    await this.#truncation.close();
    await Promise.all(Array.from(this.#kept.values(), ({ keeper }) => closeKeeper(keeper)));
  }

  #keeperOf(shard: number): ShardKeeper {
    const known = this.#kept.get(shard);
    if (known !== undefined) return known.keeper;
    const { journal, node, views = aloneView } = this.#parts;
    const { clock = systemClock, random = systemRandom, logger = silentLogger } = this.#parts;
    const context: ShardContext = {
      shard,
      journal,
      identity: { journalId: journal.journalId, shard, node },
      lane: this.#lane,
      frames: new ShardFrames({
        journal,
        shard,
        cache: this.#frames,
        pageBytes: this.#options.framePageBytes,
        pace: this.#pace,
      }),
      views,
      rules: this.#rules,
      options: this.#options,
      clock,
      random,
      logger,
      observer: this.#parts.observer ?? {},
    };
    const keeper = new ShardKeeper(context, (error) => this.#tellDeposed(context, error));
    this.#kept.set(shard, { context, keeper });
    return keeper;
  }

  #tellDeposed({ shard, logger }: ShardContext, error: unknown): void {
    for (const listener of this.#listeners) {
      try {
        listener(shard, error);
      } catch (fault) {
        // The shard must be claimed again all the same.
        logger.error("a listener for lost shards has failed", { shard, error: fault });
      }
    }
  }

  #served(): readonly ServedShard[] {
    const served: ServedShard[] = [];
    for (const { context, keeper } of this.#kept.values()) {
      if (keeper.owner !== undefined) served.push({ context, owner: keeper.owner });
    }
    return served;
  }
}

/** A checkpoint makes the next start quick; without it nothing is lost. */
async function closeKeeper(keeper: ShardKeeper): Promise<void> {
  const { owner } = keeper;
  if (owner !== undefined && owner.eventsSinceCheckpoint >= CHECKPOINT_AT_CLOSE_EVENTS) {
    await Promise.race([owner.checkpoint({ full: false }).catch(() => {}), owner.ended]);
  }
  await keeper.release();
}
