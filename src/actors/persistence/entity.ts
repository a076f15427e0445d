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
import { type Answerer, answerCall, failCall } from "./call-answers.ts";
import { handleCommand } from "./command-handler.ts";
import { beginCommand, endCommand } from "./command-turns.ts";
import { CommitPipeline } from "./commit-pipeline.ts";
import { EffectOutcome } from "./effect-runs.ts";
import { EffectTurns } from "./effect-turns.ts";
import { type RecoveredEntity, recoverEntity } from "./entity-recovery.ts";
import { type EntityState, initialEntityState, openOf } from "./entity-state.ts";
import type { EntityTarget } from "./entity-target.ts";
import { type Answer, Call, Recovered, RetryEffects, Wake, type Work } from "./entity-work.ts";
import { HeldTurn, runTurn, type TurnHolder } from "./held-turn.ts";
import type { HostedShard } from "./hosted-shard.ts";
import type { RecoveryPermits } from "./recovery-permits.ts";
import type { ParkedEffect } from "./reliable-effects.ts";
import type { ShardLog, StagedEvent } from "./shard-log.ts";
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

export class Entity extends CommitPipeline implements Answerer, TurnHolder {
  #phase: EntityPhase = "asleep";
  #runRequested = false;
  /** The queue, threaded through what stands in it. */
  #first: Work | undefined = undefined;
  #last: Work | undefined = undefined;
  #queued = 0;
  /** Whose handler has not ended. */
  #held: HeldTurn | undefined = undefined;
  readonly #aheadMax: number;
  readonly #queueMax: number;
  /** When it was last used, in the host's sweeps. */
  usedAt = 0;
  /** The timers and the confirmed effects that were looked at last. */
  #armedTimers: EntityState["timers"] | undefined = undefined;
  #armedEffects: EntityState["effects"] | undefined = undefined;
  readonly clock: Clock;
  readonly #home: EntityHome;
  #leaving = false;
  // From here on: what a command does not touch.
  readonly #timers: TimerTurns;
  readonly #effects: EffectTurns;
  #foundBy: EntityTarget | undefined = undefined;
  /** Counts recoveries, so that one that was overtaken is not listened to. */
  #recovery = 0;
  #wakeQueued = false;
  #setLeft: () => void = () => {};
  /** Resolves when the entity has left memory. */
  readonly left: Promise<void>;

  constructor(subject: TurnSubject, shard: HostedShard, home: EntityHome) {
    super(subject, shard, home.snapshots);
    const { options } = subject.model;
    this.#aheadMax = options.serial === true ? 1 : home.limits.unconfirmedTurnsMax;
    this.#queueMax = options.mailbox?.messagesMax ?? home.limits.mailboxMessagesMax;
    this.clock = home.clock;
    this.#home = home;
    this.#timers = new TimerTurns(this, home.limits);
    this.#effects = new EffectTurns(this, home, (work) => this.#offer(work));
    this.left = new Promise((resolve) => {
      this.#setLeft = resolve;
    });
  }

  get queueMax(): number {
    return this.#queueMax;
  }

  get isIdle(): boolean {
    const quiet = this.#queued === 0 && this.unconfirmed === 0 && this.#held === undefined;
    return quiet && !this.#effects.isBusy && this.#phase === "ready";
  }

  /** Half-done work: as the definition sees it, or effects that have not succeeded yet. */
  get isOpen(): boolean {
    try {
      return openOf(this.subject.model, this.confirmed) === true;
    } catch (error) {
      // Only a state that no commit has made gets here. It may leave: what is half-done the log knows.
      this.subject.failed("open", error);
      return false;
    }
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
      waiting: this.#queued,
      unconfirmed: this.unconfirmed,
      pendingEffects: this.confirmed.effects.size,
      state: this.confirmed.user,
    };
  }

  /** See `ResidentBases`. */
  baseIn(log: ShardLog): StagedEvent | undefined {
    const isSound = this.#phase === "ready" && this.shard.log === log && !this.deleting;
    return isSound ? this.base(log, this.clock.nowMs()) : undefined;
  }

  /**
   * The address through which it is found without a look-up from here on; the one before forgets it. So an entity
   * that has left memory is kept there by nobody's address.
   */
  foundBy(target: EntityTarget | undefined): void {
    if (this.#foundBy !== undefined) this.#foundBy.entity = undefined;
    this.#foundBy = target;
    if (target !== undefined) target.entity = this;
  }

  // ── work comes in ──────────────────────────────────────────────────────────────────────

  /** Takes a command. False when the queue is full; nothing was taken then. */
  offer(call: Call): boolean {
    if (this.#queued >= this.#queueMax) return false;
    this.#push(call);
    this.#start();
    return true;
  }

  /** A durable timer may be due, or half-done work has to be awake. */
  wake(): void {
    if (!this.#wakeQueued) {
      this.#wakeQueued = true;
      this.#push(new Wake());
    }
    this.#start();
  }

  /** Parked effects are tried again. */
  retryEffects(): void {
    this.#offer(new RetryEffects());
  }

  /** Work of its own, for which there is always room. */
  #offer(work: EffectOutcome | RetryEffects): void {
    this.#push(work);
    this.#start();
  }

  #push(work: Work): void {
    if (this.#last === undefined) this.#first = work;
    else this.#last.next = work;
    this.#last = work;
    this.#queued++;
  }

  #shift(): Work | undefined {
    const first = this.#first;
    if (first === undefined) return undefined;
    this.#first = first.next;
    if (first.next === undefined) this.#last = undefined;
    // It may stay for long, and must not keep those alive that came after it.
    first.next = undefined;
    this.#queued--;
    return first;
  }

  #start(): void {
    if (this.#phase === "asleep") this.#recover();
    else this.#runSoon();
  }

  // ── turns ──────────────────────────────────────────────────────────────────────────────

  override warm(): number {
    return super.warm() + this.#queued + this.#queueMax + (this.#leaving ? 1 : 0);
  }

  /** See `EntityRunner`. */
  warmTurn(): number {
    return this.warm() + this.warmAround();
  }

  /** Runs turns until there are none to run, one holds the entity, or others should have theirs. Returns how many. */
  drain(): number {
    this.#runRequested = false;
    let turns = 0;
    for (; turns < drainTurnsMax && this.#canTake; turns++) {
      const work = this.#shift();
      if (work instanceof Call) this.#takeCall(work);
      else if (work instanceof EffectOutcome || work instanceof RetryEffects)
        this.#effects.take(work);
      else this.#takeTimer();
    }
    this.#runSoon();
    return turns;
  }

  get #canTake(): boolean {
    return (
      this.#queued > 0 &&
      this.#phase === "ready" &&
      this.#held === undefined &&
      this.unconfirmed < this.#aheadMax &&
      !this.deleting
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
    if (due === undefined) this.#arm(this.state);
    else this.#run(due.turn, new Wake(), due.handle);
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
    else if (work instanceof Recovered) this.#recoveredEnded(turn, answer);
    else if (!this.#timers.end(turn, answer)) this.#arm(this.state);
    this.#runSoon();
  }

  // ── what the log says ──────────────────────────────────────────────────────────────────

  protected override delivered(turn: Turn): void {
    const { call, answer, state } = turn;
    const isNew = state.timers !== this.#armedTimers || state.effects !== this.#armedEffects;
    if (isNew && turn.sequenceNumber > 0) this.#arm(state);
    turn.runEffects();
    if (turn.deleting || (turn.stopping && !this.#hasEffects)) this.#leaving = true;
    if (call !== undefined && answer !== undefined) answerCall(this, call, answer);
  }

  protected override failed(call: Call, error: unknown): void {
    failCall(this, call, error);
  }

  undelivered(call: Call, reason: DeadLetterReason): void {
    this.#home.undelivered(this, call, reason);
  }

  protected override advanced(): void {
    if (this.#phase === "draining") {
      if (this.unconfirmed === 0) this.#drained();
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
  protected override lost(error: unknown): void {
    if (this.#phase !== "ready" && this.#phase !== "recovering") return;
    this.subject.log.warn(`recovers from the log: ${reasonOf(error)}`);
    this.#phase = "draining";
    this.#revoke();
    this.invalidate(error);
    if (this.unconfirmed === 0) this.#drained();
  }

  get #hasEffects(): boolean {
    return this.confirmed.effects.size > 0;
  }

  /** Starts the effects that are confirmed and due, and says when there is something to do again. */
  #arm({ timers }: EntityState): void {
    this.#armedTimers = timers;
    // Of a state that is on its way to the log the timers count already, and the effects not yet.
    this.#armedEffects = this.confirmed.effects;
    // What is confirmed after it has left is its successor's to start.
    const effectsAtMs =
      this.#phase === "stopped" ? this.#effects.stop() : this.#effects.start(this.#leaving);
    this.#home.wakeAt(this, earlier(this.#timers.wakeAtMs(timers), effectsAtMs));
  }

  // ── recovery ───────────────────────────────────────────────────────────────────────────

  #recover(): void {
    this.#phase = "recovering";
    const { model, id, persistenceId } = this.subject;
    const { log } = this.shard;
    if (
      log !== undefined &&
      log.entry(persistenceId) === undefined &&
      !log.isPending(persistenceId)
    ) {
      const sequenceNumber = log.lastSequenceNumberOf(persistenceId);
      return this.#restored({
        state: initialEntityState(model, id),
        sequenceNumber,
        existed: false,
      });
    }
    const recovery = ++this.#recovery;
    const isCurrent = (): boolean => this.#phase === "recovering" && this.#recovery === recovery;
    const { gauge } = this;
    recoverEntity(this.subject, this.shard, { gauge, home: this.#home }).then(
      (recovered) => {
        if (isCurrent()) this.#restored(recovered);
      },
      (error: unknown) => {
        if (isCurrent()) this.#recoveryFailed(error);
      },
    );
    return undefined;
  }

  #restored({ state, sequenceNumber, existed }: RecoveredEntity): void {
    this.restore(state, sequenceNumber);
    this.#arm(state);
    const { recovered } = this.subject.model.options;
    if (recovered === undefined || !existed) return this.#ready();
    const turn = new Turn(this.subject, state, this.clock.nowMs());
    return this.#run(turn, new Recovered(), () => recovered(turn.context));
  }

  #recoveredEnded(turn: Turn, answer: Answer): void {
    if (answer.kind === "rejection") return this.#ready();
    const error = answer.kind === "reply" ? this.write(turn, undefined, answer) : answer.error;
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
    if (this.#leaving && this.#queued === 0) this.#leave();
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
    this.invalidate(error);
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
    for (let work = this.#shift(); work !== undefined; work = this.#shift()) {
      if (work instanceof Call) failCall(this, work, error);
    }
    this.#wakeQueued = false;
  }

  #leave(): void {
    if (this.#phase === "stopped") return;
    this.#phase = "stopped";
    const effectsAtMs = this.#effects.stop();
    if (effectsAtMs !== undefined) {
      const { confirmed } = this;
      this.#home.wakeAt(this, earlier(this.#timers.wakeAtMs(confirmed.timers), effectsAtMs));
    }
    this.#setLeft();
    this.#home.retire(this);
  }
}

function earlier(one: number | undefined, other: number | undefined): number | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return Math.min(one, other);
}
