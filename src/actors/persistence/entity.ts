/**
 * One persistent actor in memory: its queue of commands, its turns, its recovery and its end.
 *
 * Boundary: decides order and fate of turns. What a turn may do is `turn.ts`, what the state is
 * `entity-state.ts`, what waits for the log `commit-pipeline.ts`, who lives where the host's.
 *
 *   asleep → recovering → ready
 *                ↑          │ a commit is lost or in doubt
 *                └ draining ┘            any → stopped
 *
 * Invariants:
 *  E1. At most one turn runs; an asynchronous one holds the entity until it ends or is revoked.
 *  E2. A reply, a rejection, an effect leaves only when its turn, and all turns it could have seen,
 *      are confirmed; `read: "local"` runs on the confirmed state instead, and leaves at once.
 *  E3. After a lost commit nothing of the state in memory survives: the entity waits until the fate of
 *      all its commits is known, then recovers. So no late write of its own can overtake its recovery.
 *  E4. At most `unconfirmedTurnsMax` turns (1 when serial) run ahead of the log.
 */
import {
  type Clock,
  type DeadLetterReason,
  isTroupeError,
  type Limits,
  reasonOf,
  TroupeError,
} from "../kernel/index.ts";
import { answerCall, failCall } from "./call-answers.ts";
import { handleCommand } from "./command-handler.ts";
import { beginCommand, type CommandSite, endCommand } from "./command-turns.ts";
import { CommitPipeline, type PipelineOwner } from "./commit-pipeline.ts";
import { EffectOutcome } from "./effect-runs.ts";
import { EffectTurns } from "./effect-turns.ts";
import { recoverEntity } from "./entity-recovery.ts";
import { type EntityState, initialEntityState, openOf } from "./entity-state.ts";
import {
  type Answer,
  Call,
  type FinishedTurn,
  recoveredWork,
  retryEffectsWork,
  type Work,
  wakeWork,
} from "./entity-work.ts";
import { Fifo } from "./fifo.ts";
import { HeldTurn, runTurn, type TurnHolder } from "./held-turn.ts";
import type { HostedShard } from "./hosted-shard.ts";
import type { RecoveryPermits } from "./recovery-permits.ts";
import type { ParkedEffect } from "./reliable-effects.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import { TimerTurns } from "./timer-turns.ts";
import { Turn } from "./turn.ts";
import type { TurnSubject } from "./turn-subject.ts";

/** What an entity needs of whoever hosts it. */
export interface EntityHome {
  readonly clock: Clock;
  readonly limits: Limits;
  readonly recoveries: RecoveryPermits;
  /** undefined = states are kept in the log itself. */
  readonly snapshots: SnapshotKeeper | undefined;
  /** Asks for a call of `drain`, soon and from a fresh stack. */
  requestRun(entity: Entity): void;
  /** The next time at which a durable timer wants to be looked at. */
  wakeAt(entity: Entity, atMs: number | undefined): void;
  recovered(entity: Entity): void;
  recoveryFailed(entity: Entity, error: unknown): void;
  /** The entity has left memory. */
  retire(entity: Entity): void;
  undelivered(entity: Entity, call: Call, reason: DeadLetterReason): void;
}

export type EntityPhase = "asleep" | "recovering" | "ready" | "draining" | "stopped";

/** One entity, as tools show it. */
export interface EntitySnapshot {
  readonly persistenceId: string;
  readonly kind: string;
  readonly id: string;
  readonly shard: number;
  readonly phase: EntityPhase;
  /** An asynchronous handler holds it. */
  readonly busy: boolean;
  /** Commands in its queue. */
  readonly waiting: number;
  /** Turns that wait for the log. */
  readonly unconfirmed: number;
  /** Reliable effects that have not succeeded yet. */
  readonly pendingEffects: number;
  /** The state as the log has it: look, do not touch. */
  readonly state: unknown;
}

/** Turns in one go, before other entities have theirs. */
const drainTurnsMax = 16;

export class Entity implements PipelineOwner, CommandSite, TurnHolder {
  readonly subject: TurnSubject;
  readonly shard: HostedShard;
  readonly clock: Clock;
  readonly pipeline: CommitPipeline;
  /** Resolves when the entity has left memory. */
  readonly left: Promise<void>;
  /** When it was last used, in the host's sweeps. */
  usedAt = 0;
  readonly #home: EntityHome;
  readonly #queue = new Fifo<Work>();
  readonly #queueMax: number;
  readonly #aheadMax: number;
  readonly #timers: TimerTurns;
  readonly #effects: EffectTurns;
  #phase: EntityPhase = "asleep";
  /** Whose handler has not ended. */
  #held: HeldTurn | undefined;
  /** Counts recoveries, so that one that was overtaken is not listened to. */
  #recovery = 0;
  /** The state whose timers and effects were looked at last. */
  #armed: EntityState | undefined;
  #runRequested = false;
  #wakeQueued = false;
  #leaving = false;
  #setLeft: () => void = () => {};

  constructor(subject: TurnSubject, shard: HostedShard, home: EntityHome) {
    const { options } = subject.model;
    this.subject = subject;
    this.shard = shard;
    this.clock = home.clock;
    this.#home = home;
    this.#aheadMax = options.serial === true ? 1 : home.limits.unconfirmedTurnsMax;
    this.#queueMax = options.mailbox?.messagesMax ?? home.limits.mailboxMessagesMax;
    this.pipeline = new CommitPipeline(subject, shard, { owner: this, snapshots: home.snapshots });
    this.#timers = new TimerTurns(subject, this.pipeline, home.limits);
    this.#effects = new EffectTurns(subject, this.pipeline, home, (work) => this.#offer(work));
    this.left = new Promise((resolve) => {
      this.#setLeft = resolve;
    });
  }

  get queueMax(): number {
    return this.#queueMax;
  }

  get isIdle(): boolean {
    const { length } = this.pipeline;
    const quiet = this.#queue.length === 0 && length === 0 && this.#held === undefined;
    return quiet && !this.#effects.isBusy && this.#phase === "ready";
  }

  /** Half-done work: as the definition sees it, or effects that have not succeeded yet. */
  get isOpen(): boolean {
    return openOf(this.subject.model, this.pipeline.confirmed) === true;
  }

  parkedEffects(): ParkedEffect[] {
    return this.#effects.parked();
  }

  snapshot(): EntitySnapshot {
    const { model, id, persistenceId } = this.subject;
    return {
      persistenceId,
      kind: model.name,
      id,
      shard: this.shard.number,
      phase: this.#phase,
      busy: this.#held !== undefined,
      waiting: this.#queue.length,
      unconfirmed: this.pipeline.length,
      pendingEffects: this.pipeline.confirmed.effects.size,
      state: this.pipeline.confirmed.user,
    };
  }

  // ── work comes in ──────────────────────────────────────────────────────────────────────

  /** Takes a command. False when the queue is full; nothing was taken then. */
  offer(call: Call): boolean {
    if (this.#queue.length >= this.#queueMax) return false;
    this.#queue.push(call);
    this.#start();
    return true;
  }

  /** A durable timer may be due, or half-done work has to be awake. */
  wake(): void {
    if (!this.#wakeQueued) {
      this.#wakeQueued = true;
      this.#queue.push(wakeWork);
    }
    this.#start();
  }

  /** Parked effects are tried again. */
  retryEffects(): void {
    this.#offer(retryEffectsWork);
  }

  /** Work of its own, for which there is always room. */
  #offer(work: EffectOutcome | typeof retryEffectsWork): void {
    this.#queue.push(work);
    this.#start();
  }

  #start(): void {
    if (this.#phase === "asleep") this.#recover();
    else this.#runSoon();
  }

  // ── turns ──────────────────────────────────────────────────────────────────────────────

  /** Runs turns until there are none to run, one holds the entity, or others should have theirs. */
  drain(): void {
    this.#runRequested = false;
    for (let left = drainTurnsMax; left > 0 && this.#canTake; left--) {
      const work = this.#queue.shift();
      if (work instanceof Call) this.#takeCall(work);
      else if (work instanceof EffectOutcome || work === retryEffectsWork) this.#effects.take(work);
      else this.#takeTimer();
    }
    this.#runSoon();
  }

  get #canTake(): boolean {
    return (
      this.#queue.length > 0 &&
      this.#phase === "ready" &&
      this.#held === undefined &&
      this.pipeline.length < this.#aheadMax &&
      !this.pipeline.deleting
    );
  }

  #runSoon(): void {
    if (this.#runRequested || !this.#canTake) return;
    this.#runRequested = true;
    this.#home.requestRun(this);
  }

  #takeCall(call: Call): void {
    const turn = beginCommand(this, call, this.clock.nowMs());
    if (turn !== undefined) this.#run(turn, call, handleCommand);
  }

  #takeTimer(): void {
    this.#wakeQueued = false;
    const due = this.#timers.begin(this.clock.nowMs());
    if (due === undefined) this.#arm(this.pipeline.state);
    else this.#run(due.turn, wakeWork, due.handle);
  }

  #run<W extends Work>(turn: Turn, work: W, handle: (turn: Turn, work: W) => unknown): void {
    const result = runTurn(this, turn, work, handle);
    if (result instanceof HeldTurn) this.#held = result;
    else this.#turnEnded(turn, work, result);
  }

  heldTurnEnded(held: HeldTurn, answer: Answer): void {
    // Revoked meanwhile: the entity has gone on without it.
    if (this.#held !== held) return;
    this.#held = undefined;
    held.turn.end();
    this.#turnEnded(held.turn, held.work, answer);
  }

  #turnEnded(turn: Turn, work: Work, answer: Answer): void {
    if (work instanceof Call) endCommand(this, turn, work, answer);
    else if (work === recoveredWork) this.#recoveredEnded(turn, answer);
    else if (!this.#timers.end(turn, answer)) this.#arm(this.pipeline.state);
    this.#runSoon();
  }

  // ── what the log says ──────────────────────────────────────────────────────────────────

  delivered({ turn, call, answer, state }: FinishedTurn): void {
    const isNew = state?.timers !== this.#armed?.timers || state?.effects !== this.#armed?.effects;
    if (state !== undefined && isNew) this.#arm(state);
    turn.runEffects();
    if (turn.deleting || (turn.stopping && !this.#hasEffects)) this.#leaving = true;
    if (call !== undefined) answerCall(this, call, answer);
  }

  failed(call: Call, error: unknown): void {
    failCall(this, call, error);
  }

  undelivered(call: Call, reason: DeadLetterReason): void {
    this.#home.undelivered(this, call, reason);
  }

  advanced(): void {
    if (this.#phase === "draining") {
      if (this.pipeline.length === 0) this.#drained();
      return;
    }
    this.#runSoon();
    if (this.#leaving && this.isIdle) this.#leave();
  }

  /** The shard's claim has ended: whoever has something to do recovers, through whoever claims next. */
  deposed(error: unknown): void {
    if (this.isIdle || this.#phase === "asleep") this.#leave();
    else this.lost(error);
  }

  /** A commit is lost or in doubt: nothing that was built on it may be seen (E3). */
  lost(error: unknown): void {
    if (this.#phase !== "ready" && this.#phase !== "recovering") return;
    this.subject.log.warn(`recovers from the log: ${reasonOf(error)}`);
    this.#phase = "draining";
    this.#revoke();
    this.pipeline.invalidate(error);
    if (this.pipeline.length === 0) this.#drained();
  }

  get #hasEffects(): boolean {
    return this.pipeline.confirmed.effects.size > 0;
  }

  /** Starts the effects that are due, and says when there is something to do again. */
  #arm(state: EntityState): void {
    this.#armed = state;
    const effectsAtMs = this.#effects.start(this.#leaving);
    this.#home.wakeAt(this, earlier(this.#timers.wakeAtMs(state), effectsAtMs));
  }

  // ── recovery ───────────────────────────────────────────────────────────────────────────

  #recover(): void {
    this.#phase = "recovering";
    const { model, id, persistenceId } = this.subject;
    const { log } = this.shard;
    if (log !== undefined && log.entry(persistenceId) === undefined) {
      return this.#restored(initialEntityState(model, id), false);
    }
    const recovery = ++this.#recovery;
    const isCurrent = (): boolean => this.#phase === "recovering" && this.#recovery === recovery;
    const { gauge } = this.pipeline;
    recoverEntity(this.subject, this.shard, { gauge, home: this.#home }).then(
      ({ state, existed }) => {
        if (isCurrent()) this.#restored(state, existed);
      },
      (error: unknown) => {
        if (isCurrent()) this.#recoveryFailed(error);
      },
    );
    return undefined;
  }

  #restored(state: EntityState, existed: boolean): void {
    this.pipeline.restore(state);
    this.#arm(state);
    const { recovered } = this.subject.model.options;
    if (recovered === undefined || !existed) return this.#ready();
    const turn = new Turn(this.subject, state, this.clock.nowMs());
    return this.#run(turn, recoveredWork, () => recovered(turn.context));
  }

  #recoveredEnded(turn: Turn, answer: Answer): void {
    if (answer.kind === "rejection") return this.#ready();
    const error =
      answer.kind === "reply" ? this.pipeline.write(turn, undefined, answer) : answer.error;
    if (error === undefined) return this.#ready();
    // A lost shard has started the recovery over already.
    return this.#phase === "recovering" ? this.#recoveryFailed(error) : undefined;
  }

  #ready(): void {
    if (this.#phase !== "recovering") return;
    this.#phase = "ready";
    this.#home.recovered(this);
    this.#runSoon();
    if (this.#leaving && this.isIdle) this.#leave();
  }

  #recoveryFailed(cause: unknown): void {
    const { persistenceId: actor } = this.subject;
    const error = isTroupeError(cause, "TROUPE_RECOVERY_FAILED")
      ? cause
      : new TroupeError("TROUPE_RECOVERY_FAILED", { actor, reason: reasonOf(cause) }, { cause });
    this.#rejectQueue(error);
    this.#leave();
    this.#home.recoveryFailed(this, error);
  }

  #drained(): void {
    // Commands that came meanwhile are answered first.
    if (this.#leaving && this.#queue.length === 0) this.#leave();
    else this.#recover();
  }

  // ── the end ────────────────────────────────────────────────────────────────────────────

  /** Leaves memory as soon as there is nothing left to do. */
  passivate(): void {
    this.#leaving = true;
    if (this.#phase === "asleep" || this.isIdle) this.#leave();
  }

  /** Stops at once. Commands that have not begun were certainly not done. */
  kill(error: unknown): void {
    if (this.#phase === "stopped") return;
    this.#rejectQueue(error);
    this.#revoke();
    this.#leave();
    this.pipeline.invalidate(error);
  }

  /** Says so when a handler has held the entity for too long. */
  watchHandler(): void {
    this.#held?.watch(this.subject, this.#home.limits.handlerWarnMs);
  }

  #revoke(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.turn.revoke();
    const work = held?.work;
    if (!(work instanceof Call)) return;
    const { command } = work;
    const details = { actor: this.subject.persistenceId, command, handling: true };
    failCall(this, work, new TroupeError("TROUPE_ACTOR_STOPPED", details));
  }

  #rejectQueue(error: unknown): void {
    for (let work = this.#queue.shift(); work !== undefined; work = this.#queue.shift()) {
      if (work instanceof Call) failCall(this, work, error);
    }
    this.#wakeQueued = false;
  }

  #leave(): void {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    const effectsAtMs = this.#effects.stop();
    if (effectsAtMs !== undefined) {
      const { confirmed } = this.pipeline;
      this.#home.wakeAt(this, earlier(this.#timers.wakeAtMs(confirmed), effectsAtMs));
    }
    this.#setLeft();
    this.#home.retire(this);
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
