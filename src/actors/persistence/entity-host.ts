/**
 * The persistent actors of one node: brings them into memory when they are needed, gives them their
 * turns, wakes them when a durable timer or half-done work says so, and lets them leave.
 *
 * Boundary: knows which entities exist here and where their shard's log is. What an entity does with
 * a command is the entity's; which node owns a shard is the shard logs'.
 *
 * Invariants:
 *  N1. At most one entity of a persistence id is in memory and not stopped.
 *  N2. Every entity that the live index of an open shard names is resident, waits for its start, or
 *      has a wake-up; if its definition is not known here, it is listed as unclaimed.
 *  N3. When a shard's claim ends, its idle entities leave and the others recover through the next claim.
 */
import {
  Asks,
  type Clock,
  type DeadLetterReason,
  guardedObserver,
  type Kernel,
  type Limits,
  type Observer,
  PortGuard,
  type StopOptions,
  shortText,
  type Timer,
  TroupeError,
} from "../kernel/index.ts";
import { baseSource } from "./base-source.ts";
import type {
  AnyPersistentActorDefinition,
  PersistentActorModel,
} from "./define-persistent-actor.ts";
import { WakeSchedule } from "./durable-timers.ts";
import { Entity, type EntityHome, type EntitySnapshot } from "./entity.ts";
import { EntityRunner } from "./entity-runner.ts";
import { EntityTarget } from "./entity-target.ts";
import type { Call } from "./entity-work.ts";
import type { HostedShard } from "./hosted-shard.ts";
import { HostedShards } from "./hosted-shards.ts";
import { LiveStarter } from "./live-starter.ts";
import { RecoveryPermits } from "./recovery-permits.ts";
import type { ParkedEffect } from "./reliable-effects.ts";
import { Residents } from "./residents.ts";
import type { ShardLog, ShardLogs } from "./shard-log.ts";
import { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { SnapshotStore } from "./snapshot-store.ts";
import { TurnSubject, type TurnSurroundings } from "./turn-subject.ts";

const firstRetryMs = 1_000;
const sweepsPerIdleTime = 8;

export interface EntityHostOptions {
  readonly kernel: Kernel;
  readonly logs: ShardLogs;
  readonly observer?: Observer;
  /** Where states are kept beside the log. Default: in the log, as base events. */
  readonly snapshots?: SnapshotStore;
}

export class EntityHost implements EntityHome {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly asks: Asks;
  readonly recoveries: RecoveryPermits;
  readonly snapshots: SnapshotKeeper | undefined;
  readonly #kernel: Kernel;
  readonly #around: TurnSurroundings;
  readonly #runner: EntityRunner;
  readonly #models = new Map<string, PersistentActorModel>();
  readonly #shards: HostedShards;
  readonly #residents: Residents;
  readonly #wakes: WakeSchedule;
  readonly #starter: LiveStarter;
  /** Live entities of definitions that are not known here, by definition. */
  readonly #unclaimed = new Map<string, Set<string>>();
  /** Failed recoveries in a row. */
  readonly #failures = new Map<string, number>();
  #sweepMs: number;
  #sweepTimer: Timer | undefined;
  #stopping: Promise<void> | undefined;

  constructor({ kernel, logs, observer, snapshots }: EntityHostOptions) {
    this.#kernel = kernel;
    this.#around = {
      logger: kernel.logger,
      random: kernel.random,
      observer: observer && guardedObserver(observer, new PortGuard()),
    };
    this.clock = kernel.clock;
    this.limits = kernel.limits;
    // The clock is read once for all calls of one round, not for each.
    const stamp = (): void => this.asks.stamp(kernel.clock.monotonicMs());
    this.asks = new Asks(kernel.clock, {
      none: () => {},
      unstamped: () => queueMicrotask(stamp),
    });
    this.recoveries = new RecoveryPermits(kernel.limits.recoveriesMax);
    this.snapshots = snapshots && new SnapshotKeeper(snapshots, logs.journalId);
    this.#residents = new Residents(kernel.limits.residentEntitiesMax);
    this.#wakes = new WakeSchedule(kernel.clock, (persistenceId) => this.#due(persistenceId));
    this.#starter = new LiveStarter(kernel.limits.recoveriesMax, (id) => this.#wake(id));
    this.#runner = new EntityRunner(kernel);
    logs.provideBases(
      baseSource({
        modelOf: (name) => this.#models.get(name),
        clock: this.clock,
        recoveries: this.recoveries,
      }),
      (log, persistenceId) => this.#residents.get(persistenceId)?.baseIn(log),
    );
    this.#shards = new HostedShards(logs, kernel, {
      opened: (log) => this.#opened(log),
      lost: (shard, error) => this.#lost(shard, error),
    });
    this.#sweepMs = Math.max(1, kernel.limits.passivateAfterMs / sweepsPerIdleTime);
  }

  // ── definitions and addresses ──────────────────────────────────────────────────────────

  /** @throws TROUPE_NAME_TAKEN when another definition has this name. */
  register({ model }: AnyPersistentActorDefinition): void {
    const known = this.#models.get(model.name);
    if (known === model) return;
    if (known !== undefined) {
      throw new TroupeError("TROUPE_NAME_TAKEN", { parent: this.#kernel.name, name: model.name });
    }
    this.#models.set(model.name, model);
    const idleMs = model.options.passivateAfterMs ?? this.limits.passivateAfterMs;
    if (idleMs / sweepsPerIdleTime < this.#sweepMs) {
      this.#sweepMs = Math.max(1, idleMs / sweepsPerIdleTime);
      this.#sweepTimer?.cancel();
      this.#sweepTimer = undefined;
      this.#armSweep();
    }
    const waiting = this.#unclaimed.get(model.name) ?? [];
    this.#unclaimed.delete(model.name);
    for (const persistenceId of waiting) this.#starter.add(persistenceId);
  }

  /** The address of one entity. No I/O. @throws as `register`, TROUPE_NAME_INVALID. */
  target(definition: AnyPersistentActorDefinition, id: string): EntityTarget {
    this.register(definition);
    return this.#target(definition.model, id);
  }

  /** The same for callers who know the definition by name. @throws TROUPE_DEFINITION_UNKNOWN. */
  targetNamed(name: string, id: string): EntityTarget {
    const model = this.#models.get(name);
    if (model !== undefined) return this.#target(model, id);
    throw new TroupeError("TROUPE_DEFINITION_UNKNOWN", { name, known: [...this.#models.keys()] });
  }

  #target(model: PersistentActorModel, id: string): EntityTarget {
    if (typeof id !== "string" || id === "" || id.length > this.limits.nameCharactersMax) {
      const rule = `an id is a text of 1 to ${this.limits.nameCharactersMax} characters`;
      const came = typeof id === "string" ? `one of ${id.length}` : `of type ${typeof id}`;
      const problem = `${rule}, and this is ${came}`;
      throw new TroupeError("TROUPE_NAME_INVALID", { name: shortText(id), problem });
    }
    return new EntityTarget(this, model, id);
  }

  /** The ids of all entities of a definition that have ever written and were not deleted, in no order. */
  async ids({ name }: AnyPersistentActorDefinition): Promise<string[]> {
    const prefix = `${name}/`;
    const found: string[] = [];
    for (const shard of this.#shards) {
      const log = await shard.open();
      for (const persistenceId of log.persistenceIds()) {
        if (persistenceId.startsWith(prefix)) found.push(persistenceId.slice(prefix.length));
      }
    }
    return found;
  }

  /** Of these, those whose definition calls their work half done (`open`). */
  async openIds({ name }: AnyPersistentActorDefinition): Promise<string[]> {
    const prefix = `${name}/`;
    const found: string[] = [];
    for (const shard of this.#shards) {
      const log = await shard.open();
      for (const [persistenceId, { open }] of log.live()) {
        if (open && persistenceId.startsWith(prefix)) {
          found.push(persistenceId.slice(prefix.length));
        }
      }
    }
    return found;
  }

  /** The entities that are in memory now. */
  entities(): EntitySnapshot[] {
    return Array.from(this.#residents, (entity) => entity.snapshot());
  }

  /** The effects that failed too often and wait for somebody to look at them. */
  parkedEffects(): ParkedEffect[] {
    return Array.from(this.#residents, (entity) => entity.parkedEffects()).flat();
  }

  /** Tries an entity's parked effects again. */
  retryEffects({ model }: AnyPersistentActorDefinition, id: string): void {
    const { persistenceId } = this.#target(model, id);
    if (this.#stopping !== undefined) return;
    (this.#residents.get(persistenceId) ?? this.#enter({ model, id })).retryEffects();
  }

  /** Half-done work and timers whose definition is not known here, by definition. */
  unclaimed(): ReadonlyMap<string, number> {
    return new Map(Array.from(this.#unclaimed, ([name, ids]) => [name, ids.size]));
  }

  // ── commands ───────────────────────────────────────────────────────────────────────────

  deliver(target: EntityTarget, call: Call): void {
    if (this.#stopping !== undefined) return this.#refuse(target.persistenceId, call);
    const entity = target.entity ?? this.#entityOf(target);
    entity.usedAt = this.#residents.sweeps;
    if (entity.offer(call)) return undefined;
    if (call.ask === undefined) return this.undelivered(entity, call, "mailbox-full");
    const details = {
      actor: target.persistenceId,
      command: call.command,
      messagesMax: entity.queueMax,
    };
    call.ask.reject(new TroupeError("TROUPE_MAILBOX_FULL", details));
    return undefined;
  }

  #entityOf(target: EntityTarget): Entity {
    const entity = this.#residents.get(target.persistenceId) ?? this.#enter(target);
    entity.foundBy(target);
    return entity;
  }

  #refuse(persistenceId: string, call: Call): void {
    if (call.ask === undefined) return this.#deadLetter(persistenceId, call, "system-stopped");
    const details = { system: this.#kernel.name, use: call.command };
    call.ask.reject(new TroupeError("TROUPE_SYSTEM_STOPPED", details));
    return undefined;
  }

  #enter({ model, id }: { readonly model: PersistentActorModel; readonly id: string }): Entity {
    const subject = new TurnSubject(model, id, this.#around);
    const entity = new Entity(subject, this.#shards.of(subject.persistenceId), this);
    this.#residents.add(entity);
    this.#armSweep();
    return entity;
  }

  // ── what entities ask of their home ────────────────────────────────────────────────────

  requestRun(entity: Entity): void {
    this.#runner.add(entity);
  }

  wakeAt({ subject }: Entity, atMs: number | undefined): void {
    if (this.#stopping === undefined) this.#wakes.set(subject.persistenceId, atMs);
  }

  recovered({ subject }: Entity): void {
    if (this.#failures.size > 0) this.#failures.delete(subject.persistenceId);
    this.#starter.ended(subject.persistenceId);
  }

  recoveryFailed({ subject, shard }: Entity, error: unknown): void {
    const { persistenceId } = subject;
    subject.failed("recovery", error);
    this.#starter.ended(persistenceId);
    if (this.#stopping !== undefined) return;
    const entry = shard.log?.entry(persistenceId);
    if (entry === undefined || (!entry.open && entry.wakeAtMs === undefined)) return;
    const times = (this.#failures.get(persistenceId) ?? 0) + 1;
    this.#failures.set(persistenceId, times);
    const pauseMs = Math.min(
      firstRetryMs * 2 ** Math.min(times - 1, 30),
      this.limits.recoveryRetryMaxMs,
    );
    this.#wakes.set(persistenceId, this.clock.nowMs() + pauseMs);
  }

  retire(entity: Entity): void {
    entity.foundBy(undefined);
    this.#residents.remove(entity);
    this.#starter.ended(entity.subject.persistenceId);
  }

  undelivered({ subject }: Entity, call: Call, reason: DeadLetterReason): void {
    this.#deadLetter(subject.persistenceId, call, reason);
  }

  #deadLetter(to: string, { command, input: message }: Call, reason: DeadLetterReason): void {
    this.#kernel.deadLetters.add({ to, command, message, reason, atMs: this.clock.nowMs() });
    this.#around.observer?.deadLetter?.(to, reason);
  }

  // ── waking ─────────────────────────────────────────────────────────────────────────────

  /** Opens all shards and wakes all that has to be awake. Rejects when a shard cannot be opened. */
  async serve(): Promise<void> {
    await Promise.all(Array.from(this.#shards, (shard) => shard.open()));
  }

  #opened(log: ShardLog): void {
    for (const [persistenceId, entry] of log.live()) {
      if (entry.open) this.#starter.add(persistenceId);
      else this.#wakes.set(persistenceId, entry.wakeAtMs);
    }
  }

  /** Very many may be due at once: those not in memory come in through the starter. */
  #due(persistenceId: string): void {
    const resident = this.#residents.get(persistenceId);
    if (resident === undefined) this.#starter.add(persistenceId);
    else resident.wake();
  }

  #wake(persistenceId: string): void {
    if (this.#stopping !== undefined) return;
    const slash = persistenceId.indexOf("/");
    const name = persistenceId.slice(0, slash);
    const model = this.#models.get(name);
    if (model === undefined) {
      this.#starter.ended(persistenceId);
      return this.#unclaim(name, persistenceId);
    }
    const id = persistenceId.slice(slash + 1);
    const resident = this.#residents.get(persistenceId);
    // Already there: nothing to start.
    if (resident !== undefined) this.#starter.ended(persistenceId);
    (resident ?? this.#enter({ model, id })).wake();
    return undefined;
  }

  #unclaim(name: string, persistenceId: string): void {
    let ids = this.#unclaimed.get(name);
    if (ids === undefined) {
      ids = new Set();
      this.#unclaimed.set(name, ids);
      const hint = "pass its definition to createSystem";
      this.#kernel.logger.warn(`half-done work of "${name}" waits: ${hint}`, { definition: name });
    }
    ids.add(persistenceId);
  }

  #lost(shard: HostedShard, error: unknown): void {
    for (const entity of [...this.#residents]) if (entity.shard === shard) entity.deposed(error);
    this.#wakes.forget((persistenceId) => this.#shards.of(persistenceId) === shard);
  }

  // ── leaving memory ─────────────────────────────────────────────────────────────────────

  /** No timer keeps the process alive while nothing is in memory. */
  #armSweep(): void {
    if (this.#sweepTimer !== undefined || this.#residents.size === 0) return;
    this.#sweepTimer = this.clock.setTimer(this.#sweepMs, () => {
      this.#sweepTimer = undefined;
      this.#sweep();
      this.#armSweep();
    });
  }

  #sweep(): void {
    for (const entity of this.#residents) entity.watchHandler();
    this.#residents.sweep(({ subject }) => {
      const idleMs = subject.model.options.passivateAfterMs ?? this.limits.passivateAfterMs;
      return idleMs / this.#sweepMs;
    });
  }

  /** Lets one entity leave memory. Resolves when it has, or at the deadline. */
  passivate(persistenceId: string, options?: StopOptions): Promise<void> {
    const entity = this.#residents.get(persistenceId);
    if (entity === undefined) return Promise.resolve();
    return this.#leaveAll([entity], options);
  }

  async #leaveAll(entities: readonly Entity[], options?: StopOptions): Promise<void> {
    const deadlineMs = options?.deadlineMs ?? this.limits.stopDeadlineMs;
    let timer: Timer | undefined;
    const deadline = new Promise<void>((resolve) => {
      timer = this.clock.setTimer(deadlineMs, resolve);
    });
    for (const entity of entities) entity.passivate();
    await Promise.race([Promise.all(entities.map((entity) => entity.left)), deadline]);
    timer?.cancel();
    const error = new TroupeError("TROUPE_SYSTEM_STOPPED", {
      system: this.#kernel.name,
      use: "command that still waits",
    });
    for (const entity of entities) entity.kill(error);
  }

  /** Takes no more commands, lets those under way end, then stops what still runs at the deadline. */
  stop(options?: StopOptions): Promise<void> {
    this.#stopping ??= this.#stop(options);
    return this.#stopping;
  }

  async #stop(options?: StopOptions): Promise<void> {
    this.#wakes.stop();
    this.#sweepTimer?.cancel();
    await this.#leaveAll([...this.#residents], options);
    this.#shards.stop();
    this.asks.idle();
    await this.#runner.stop();
  }
}
