import type { Handle, Kernel, SpawnArgs, Spawnable, StopOptions } from "../kernel/index.ts";
import type {
  AnyPersistentActorDefinition,
  EntitySnapshot,
  ParkedEffect,
} from "../persistence/index.ts";

/** What has an address by name and id: a persistent actor, its contract, an actor in memory without props. */
export interface Addressable<C> {
  readonly name: string;
  /** Types only: never present at run time. */
  readonly "~types"?: { readonly commands: C };
  /** Types only: actors that need props are spawned. */
  readonly "~spawned"?: { readonly props: (props: unknown) => void };
}

/** A running actor system. */
export interface System extends AsyncDisposable {
  readonly name: string;
  /** Made with the journal: the same for every system that ever opens it. */
  readonly journalId: string;
  /** The actors in memory, below which everything runs. */
  readonly kernel: Kernel;
  /**
   * The handle of one actor: an address, no I/O. A persistent actor is brought into memory by its first
   * command; an actor in memory is spawned now if there is none of that id.
   * @throws TROUPE_NAME_INVALID, TROUPE_NAME_TAKEN, TROUPE_DEFINITION_UNKNOWN, TROUPE_SYSTEM_STOPPED.
   */
  actor<C>(definition: Addressable<C>, id: string): Handle<C>;
  /** Starts an actor in memory. @throws TROUPE_NAME_TAKEN when one of that name lives. */
  spawn<H, P>(definition: Spawnable<H, P>, name: string, ...options: SpawnArgs<P>): H;
  /** The ids of all persistent actors of a definition that have ever written and were not deleted, in no order. */
  ids(definition: AnyPersistentActorDefinition): Promise<string[]>;
  /** Of these, those whose work is half done, by the `open` of their definition. */
  openIds(definition: AnyPersistentActorDefinition): Promise<string[]>;
  /** The persistent actors that are in memory now. */
  entities(): EntitySnapshot[];
  /** Half-done work and due timers whose definition this system was not given: how many, by definition. */
  unclaimed(): ReadonlyMap<string, number>;
  /** Reliable effects that failed too often, of the actors that this system hosts, with the last failure. */
  parkedEffects(): ParkedEffect[];
  /** Tries the parked effects of one actor again, from their first attempt on. */
  retryEffects(definition: AnyPersistentActorDefinition, id: string): void;
  /**
   * Takes no more commands, lets those under way end and reply, stops all actors, flushes and closes the
   * journal. Resolves when all is done; may be called again.
   */
  stop(options?: StopOptions): Promise<void>;
}
