import type {
  Clock,
  Logger,
  Observer,
  Random,
  StopSignal,
  SystemLimits,
  TurnSource,
} from "../kernel/index.ts";
import type {
  AnyPersistentActorDefinition,
  Journal,
  JournalObserver,
  KafkaOptions,
  RedisOptions,
  SnapshotStore,
} from "../persistence/index.ts";
import type { System } from "./system.ts";

export interface SystemOptions {
  /** For people: in logs, metrics and errors. */
  readonly name: string;
  /**
   * The folder that holds the journal; made when it is missing. Without a folder, `kafka` or `journal` it is
   * in memory and ends with the process.
   */
  readonly dataDir?: string;
  /** The journal on a Kafka topic, which is made when it is missing. Instead of `dataDir`. */
  readonly kafka?: KafkaOptions;
  /**
   * States are kept in Redis beside the journal, to make recoveries short. It is a cache: wiped, stale or
   * away it costs time, never data. Default: in the journal itself.
   */
  readonly redis?: RedisOptions;
  /**
   * The persistent actors that this system hosts, and may wake by itself: their durable timers and half-done
   * work go on after a crash. Others are registered by their first use, and wake from then on. A function is
   * called when the system can be used and nothing has been woken yet, for definitions that need it.
   */
  readonly definitions?: Definitions | ((system: System) => Definitions | Promise<Definitions>);
  /** Shards of a new journal, 1 to 65,535; fixed for its life. Default 64. */
  readonly shards?: number;
  /** An open journal to use instead of one by address. It is closed with the system. */
  readonly journal?: Journal;
  /** An open snapshot store to use instead of `redis`. It is closed with the system. */
  readonly snapshots?: SnapshotStore;
  /** Default: warnings and errors on stderr. */
  readonly logger?: Logger;
  readonly observer?: Observer;
  readonly journalObserver?: JournalObserver;
  /** Other values for those bounds of `limitTable` that are in `systemLimitNames`; the rest is fixed. */
  readonly limits?: Partial<SystemLimits>;
  /** Default: the machine's. */
  readonly clock?: Clock;
  /** Default: the machine's. */
  readonly random?: Random;
  /** Signals of the process that stop the system in good order. Default: none. */
  readonly stopOnSignals?: readonly StopSignal[];
  /** Where actors' turns come from. Default: nact. */
  readonly turns?: TurnSource;
}

export type Definitions = readonly AnyPersistentActorDefinition[];
