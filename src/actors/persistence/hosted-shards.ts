/** All shards of a host: opened when needed, and opened again for as long as the host is asked to serve them. */
import { type Clock, type Limits, type Logger, reasonOf, type Timer } from "../kernel/index.ts";
import { HostedShard } from "./hosted-shard.ts";
import type { ShardLog, ShardLogs } from "./shard-log.ts";

const firstRetryMs = 1_000;

export interface ShardEvents {
  /** A log serves: what is live in it has to be awake. */
  opened(log: ShardLog): void;
  /** A claim has ended; the shard is being opened again. */
  lost(shard: HostedShard, error: unknown): void;
}

export class HostedShards {
  readonly #logs: ShardLogs;
  readonly #given: { readonly clock: Clock; readonly limits: Limits; readonly logger: Logger };
  readonly #events: ShardEvents;
  readonly #shards = new Map<number, HostedShard>();
  readonly #unsubscribe: () => void;
  /** Of shards that did not open. */
  readonly #retries = new Map<HostedShard, Timer>();
  #stopped = false;

  constructor(
    logs: ShardLogs,
    given: { readonly clock: Clock; readonly limits: Limits; readonly logger: Logger },
    events: ShardEvents,
  ) {
    this.#logs = logs;
    this.#given = given;
    this.#events = events;
    this.#unsubscribe = logs.onDeposed((shard, error) => this.#deposed(shard, error));
  }

  /** The shard that a persistence id lives in. */
  of(persistenceId: string): HostedShard {
    return this.#shard(this.#logs.shardOf(persistenceId));
  }

  *[Symbol.iterator](): Iterator<HostedShard> {
    for (let number = 0; number < this.#logs.shards; number++) yield this.#shard(number);
  }

  stop(): void {
    this.#stopped = true;
    this.#unsubscribe();
    for (const timer of this.#retries.values()) timer.cancel();
  }

  #shard(number: number): HostedShard {
    let shard = this.#shards.get(number);
    if (shard === undefined) {
      shard = new HostedShard(number, this.#logs, (log) => this.#events.opened(log));
      this.#shards.set(number, shard);
    }
    return shard;
  }

  #deposed(number: number, error: unknown): void {
    const shard = this.#shards.get(number);
    if (shard === undefined || this.#stopped) return;
    const { logger } = this.#given;
    logger.error(`shard ${number} was lost: ${reasonOf(error)}`, { shard: number, error });
    shard.close();
    this.#events.lost(shard, error);
    this.#reopen(shard, firstRetryMs);
  }

  /** What lives in the shard must be awake somewhere: as long as this node is asked to serve it, it tries. */
  #reopen(shard: HostedShard, pauseMs: number): void {
    const { clock, limits, logger } = this.#given;
    this.#retries.get(shard)?.cancel();
    this.#retries.delete(shard);
    shard.open().catch((error: unknown) => {
      if (this.#stopped) return;
      const what = `shard ${shard.number} does not open: ${reasonOf(error)}`;
      logger.warn(what, { nextAttemptInMs: pauseMs });
      const next = Math.min(pauseMs * 2, limits.recoveryRetryMaxMs);
      this.#retries.set(
        shard,
        clock.setTimer(pauseMs, () => this.#reopen(shard, next)),
      );
    });
  }
}
