import type {
  Clock,
  Limits,
  Logger,
  Observer,
  Random,
  StopSignal,
  TurnSource,
} from "../kernel/index.ts";
import type {
  AnyPersistentActorDefinition,
  Journal,
  JournalObserver,
  SnapshotStore,
} from "../persistence/index.ts";
import type { System } from "./system.ts";

export interface SystemOptions {
  /** For people: in logs, metrics and errors. */
  readonly name: string;
  /**
   * The folder that holds the journal; made when it is missing. Without one the journal is in memory
   * and ends with the process.
   */
  readonly dataDir?: string;
  /**
   * The persistent actors that this system hosts, and may wake by itself: their durable timers and half-done
   * work go on after a crash. Others are registered by their first use, and wake from then on. A function is
   * called when the system can be used and nothing has been woken yet, for definitions that need it.
   */
  readonly definitions?: Definitions | ((system: System) => Definitions | Promise<Definitions>);
  /** Shards of a new journal, 1 to 65,535; fixed for its life. Default 64. */
  readonly shards?: number;
  /** A journal to use instead of `dataDir`'s. It is closed with the system. */
  readonly journal?: Journal;
  /**
   * Where states are kept beside the journal, to make recoveries short. Closed with the system. Default: in the
   * journal itself.
   */
  readonly snapshots?: SnapshotStore;
  /** Default: warnings and errors on stderr. */
  readonly logger?: Logger;
  readonly observer?: Observer;
  readonly journalObserver?: JournalObserver;
  /** Other values for the bounds in `limitTable`. */
  readonly limits?: Partial<Limits>;
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
