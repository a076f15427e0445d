import {
  consoleLogger,
  createKernel,
  type Handle,
  invalidOption,
  type Kernel,
  type SpawnArgs,
  type Spawnable,
  type StopOptions,
  systemClock,
  systemRandom,
  TroupeError,
} from "../kernel/index.ts";
import {
  type ActorContract,
  type AnyPersistentActorDefinition,
  EntityHost,
  type EntitySnapshot,
  type Journal,
  openShardLogs,
  type ParkedEffect,
  type PersistentActorDefinition,
  type ShardLogs,
  type SnapshotStore,
  shardLogsOptions,
} from "../persistence/index.ts";
import { checkDefinitions, checkSystemOptions } from "./check-system-options.ts";
import { openStores } from "./open-stores.ts";
import type { Addressable, System } from "./system.ts";
import type { SystemOptions } from "./system-options.ts";

interface Parts {
  readonly kernel: Kernel;
  readonly journal: Journal;
  readonly logs: ShardLogs;
  readonly host: EntityHost;
  readonly snapshots: SnapshotStore | undefined;
}

class LocalSystem implements System {
  readonly #parts: Parts;
  #stopping: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { host, kernel } = parts;
    // For a stop that comes from elsewhere: a signal of the process.
    kernel.onShutdown("drain", "persistent actors", () => host.stop());
    kernel.onShutdown("close", "journal", () => this.#closeJournal());
  }

  get name(): string {
    return this.kernel.name;
  }

  get journalId(): string {
    return this.#parts.journal.journalId;
  }

  get kernel(): Kernel {
    return this.#parts.kernel;
  }

  actor<C>(definition: Addressable<C>, id: string): Handle<C> {
    if (this.#stopping !== undefined) {
      throw new TroupeError("TROUPE_SYSTEM_STOPPED", { system: this.name, use: "actor" });
    }
    // Which of the three it is shows at run time only; the commands' types are the same.
    const given = definition as
      | PersistentActorDefinition<unknown, unknown, C>
      | ActorContract<C>
      | (Spawnable<Handle<C>, unknown> & { readonly kind?: undefined })
      | null
      | undefined;
    if (given === null || given === undefined) {
      throw invalidOption("definition", "what a define… function returns, or a contract", given);
    }
    if (given.kind === undefined) return this.kernel.actor(given, id);
    const { host } = this.#parts;
    const { Handle: HandleOf } = given;
    return new HandleOf(
      given.kind === "actor-contract" ? host.targetNamed(given.name, id) : host.target(given, id),
    );
  }

  spawn<H, P>(definition: Spawnable<H, P>, name: string, ...options: SpawnArgs<P>): H {
    return this.kernel.spawn(definition, name, ...options);
  }

  ids(definition: AnyPersistentActorDefinition): Promise<string[]> {
    return this.#parts.host.ids(definition);
  }

  openIds(definition: AnyPersistentActorDefinition): Promise<string[]> {
    return this.#parts.host.openIds(definition);
  }

  entities(): EntitySnapshot[] {
    return this.#parts.host.entities();
  }

  unclaimed(): ReadonlyMap<string, number> {
    return this.#parts.host.unclaimed();
  }

  parkedEffects(): ParkedEffect[] {
    return this.#parts.host.parkedEffects();
  }

  retryEffects(definition: AnyPersistentActorDefinition, id: string): void {
    this.#parts.host.register(definition);
    this.#parts.host.retryEffects(definition, id);
  }

  stop(options?: StopOptions): Promise<void> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  /** From the outside in, so that each part can still use what it stands on. */
  async #stop(options?: StopOptions): Promise<void> {
    const { host, kernel } = this.#parts;
    await host.stop(options);
    await kernel.stop(options);
    await this.#closeJournal();
  }

  #closeJournal(): Promise<void> {
    this.#closing ??= closeStores(this.#parts);
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

/** Each is closed whatever became of the one before it. */
async function closeStores({ logs, journal, snapshots }: Parts): Promise<void> {
  try {
    await logs.close();
  } finally {
    try {
      await journal.close();
    } finally {
      await snapshots?.close();
    }
  }
}

/**
 * Starts an actor system in this process: with a journal in `dataDir`, on `kafka`, or in memory only. Resolves
 * when every shard of the journal is served here; then what has to be awake is being woken.
 *
 * @throws what opening the stores throws (TROUPE_JOURNAL_…, TROUPE_SNAPSHOT_STORE_…), TROUPE_OPTION_INVALID,
 * TROUPE_OPTIONS_CONTRADICT, TROUPE_NAME_INVALID, TROUPE_NAME_TAKEN for two definitions of one name.
 */
export async function createSystem(options: SystemOptions): Promise<System> {
  checkSystemOptions(options);
  const { name, observer, clock = systemClock, random = systemRandom } = options;
  const logger = options.logger ?? consoleLogger("warn");
  const kernel = createKernel({
    name,
    clock,
    random,
    logger,
    ...(observer && { observer }),
    ...(options.limits && { limits: options.limits }),
    ...(options.turns && { turns: options.turns }),
    ...(options.stopOnSignals && { stopOnSignals: options.stopOnSignals }),
  });
  const { journal, snapshots } = await openStores({ ...options, logger }).catch(
    async (error: unknown) => {
      await kernel.stop();
      throw error;
    },
  );
  const logs = openShardLogs({
    journal,
    node: `${name}/${random.uuid().slice(0, 8)}`,
    clock,
    random,
    logger,
    options: shardLogsOptions(kernel.limits),
    ...(options.journalObserver && { observer: options.journalObserver }),
  });
  const host = new EntityHost({
    kernel,
    logs,
    ...(observer && { observer }),
    ...(snapshots && { snapshots }),
  });
  const system = new LocalSystem({ kernel, journal, logs, host, snapshots });
  try {
    const { definitions = [] } = options;
    const known = typeof definitions === "function" ? await definitions(system) : definitions;
    checkDefinitions(known, "a list, also from the function that was given");
    for (const definition of known) host.register(definition);
    await host.serve();
    return system;
  } catch (error) {
    await system.stop({ deadlineMs: 0 });
    throw error;
  }
}
