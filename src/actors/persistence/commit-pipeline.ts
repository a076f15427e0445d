/**
 * What an entity has done and the log has not confirmed yet: turns in their order, and the two
 * states before and after them.
 *
 * Invariants:
 *  P1. `state` is the log plus all waiting turns; `confirmed` is the log alone, as far as it is known here.
 *  P2. Turns are delivered from the front, each once, when the log has confirmed it and all before it.
 *  P3. After `invalidate` nothing is delivered but what the log still confirms by itself; the pipeline
 *      is empty only when the fate of every commit is known.
 */
import { isTroupeError, reasonOf, TroupeError } from "../kernel/index.ts";
import {
  baseEvent,
  type EntityState,
  encodeBase,
  initialEntityState,
  openOf,
  wakeAtMsOf,
} from "./entity-state.ts";
import type { Answer, Call } from "./entity-work.ts";
import type { HostedShard } from "./hosted-shard.ts";
import { releasePayload } from "./payload-codec.ts";
import type { Seat, ShardLog, StagedEvent } from "./shard-log.ts";
import { SnapshotGauge } from "./snapshot-gauge.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { Turn, TurnOwner } from "./turn.ts";
import type { TurnSubject } from "./turn-subject.ts";

const lostBefore = "what the command may have seen was lost on its way to the journal";

/**
 * The part of an entity that waits for the log. A base class and not a part of its own, because a command costs
 * what it touches: with a thousand entities in turn each object beside this one is another miss of the cache.
 */
export abstract class CommitPipeline implements TurnOwner {
  state: EntityState;
  confirmed: EntityState;
  /** The turns that wait, threaded through themselves. */
  #first: Turn | undefined = undefined;
  #last: Turn | undefined = undefined;
  /** Turns that wait for the log. */
  unconfirmed = 0;
  /** A deletion waits: what comes after it must see the new, empty life. */
  deleting = false;
  readonly subject: TurnSubject;
  readonly shard: HostedShard;
  readonly gauge: SnapshotGauge;
  /** Of the last event that `state` contains. */
  #sequenceNumber = 0;
  /** In the shard's log, since the first commit. */
  #seat: Seat | undefined = undefined;
  readonly #snapshots: SnapshotKeeper | undefined;
  #saving = false;

  /** With `snapshots` states go there, once they are confirmed; without, they go into the log as base events. */
  constructor(subject: TurnSubject, shard: HostedShard, snapshots: SnapshotKeeper | undefined) {
    this.state = initialEntityState(subject.model, subject.id);
    this.confirmed = this.state;
    this.subject = subject;
    this.shard = shard;
    this.gauge = new SnapshotGauge(subject.model.options.snapshot);
    this.#snapshots = snapshots;
  }

  /** The turn is in the log. */
  protected abstract delivered(turn: Turn): void;
  /** A caller whose turn, or what it had read, is lost. */
  protected abstract failed(call: Call, error: unknown): void;
  /** What is in memory may not be what is in the log. */
  protected abstract lost(error: unknown): void;
  /** Some turns no longer wait. */
  protected abstract advanced(): void;

  /** See `Confirmable`. */
  warm(): number {
    return this.unconfirmed + (this.deleting ? 1 : 0);
  }

  /** Of what a turn needs, the part that is not in this object. */
  protected warmAround(): number {
    const { gauge, state, subject } = this;
    const inState = state.effects.size + (state.user === undefined ? 1 : 0);
    return gauge.events + subject.persistenceId.charCodeAt(0) + inState + (this.#seat?.warm() ?? 0);
  }

  /** The entity as its recovery found it, with the number of its last event. */
  restore(state: EntityState, sequenceNumber: number): void {
    this.state = state;
    this.#sequenceNumber = sequenceNumber;
    this.confirmed = state;
    this.deleting = false;
    // It would keep a whole directory alive that may be no longer in use.
    this.#seat = undefined;
  }

  /** A turn that wrote nothing: it leaves when this node has proved that it still owns the shard. */
  read(turn: Turn, call: Call | undefined, answer: Answer): void {
    turn.wait(this, call, answer);
    this.#wait(turn);
    this.shard.read(turn);
  }

  #wait(turn: Turn): void {
    if (this.#last === undefined) this.#first = turn;
    else this.#last.next = turn;
    this.#last = turn;
    this.unconfirmed++;
  }

  #leaveFirst(first: Turn): void {
    this.#first = first.next;
    if (first.next === undefined) this.#last = undefined;
    // Who keeps it, and be it for ever, must not keep all that came after it.
    first.next = undefined;
    this.unconfirmed--;
  }

  /** Writes what the turn staged; one that staged nothing is a read. Returns why it was refused. */
  write(turn: Turn, call: Call | undefined, answer: Answer): unknown {
    if (turn.staged.length > 0 || turn.deleting) return this.#commit(turn, call, answer);
    this.read(turn, call, answer);
    return undefined;
  }

  /** Hands a turn's events to the log. Returns why it was refused; nothing was taken then. */
  #commit(turn: Turn, call: Call | undefined, answer: Answer): unknown {
    const { model, id } = this.subject;
    turn.wait(this, call, answer);
    for (const event of turn.staged) this.gauge.count(turn.nowMs, event.payload.length);
    const isDue = this.#snapshots === undefined && !turn.deleting && this.gauge.isDue(turn.nowMs);
    const base = isDue ? this.#encoded(turn.state, turn.nowMs) : undefined;
    let error = this.#hand(turn, base);
    if (base !== undefined && isTroupeError(error, "TROUPE_EVENT_TOO_LARGE")) {
      // It may be the state that is too large, or an event: without the state it shows.
      this.#snapshotFailed(error, turn.nowMs);
      error = this.#hand(turn, undefined);
    }
    if (error !== undefined) {
      // Somebody else may have written meanwhile.
      if (isTroupeError(error, "TROUPE_SHARD_NOT_SERVING")) this.lost(error);
      return error;
    }
    if (turn.deleting) turn.state = initialEntityState(model, id);
    this.state = turn.state;
    this.#sequenceNumber = turn.sequenceNumber;
    this.deleting = turn.deleting;
    this.#wait(turn);
    return undefined;
  }

  #hand(turn: Turn, base: Uint8Array | undefined): unknown {
    try {
      const at = this.#seat ?? this.subject.persistenceId;
      const { firstSequenceNumber, seat } = this.shard.commit(turn, at, turn.group(base));
      this.#seat = seat;
      if (base !== undefined) releasePayload(base);
      turn.written(firstSequenceNumber);
      return undefined;
    } catch (error) {
      return error;
    }
  }

  #encoded(state: EntityState, nowMs: number): Uint8Array | undefined {
    try {
      const bytes = encodeBase(state, `The state of ${this.subject.persistenceId}`);
      this.gauge.reset(nowMs);
      return bytes;
    } catch (error) {
      this.#snapshotFailed(error, nowMs);
      return undefined;
    }
  }

  /**
   * The state with all that is staged, as a base for a commit in the same breath. undefined = the log has other numbers
   * than this state: then the log itself has to be asked.
   * @throws TROUPE_PAYLOAD_INVALID when it cannot be stored.
   */
  protected base(log: ShardLog, timeMs: number): StagedEvent | undefined {
    const { subject, state } = this;
    const { model, persistenceId } = subject;
    if (log.lastSequenceNumberOf(persistenceId) !== this.#sequenceNumber) return undefined;
    const payload = encodeBase(state, `The state of ${persistenceId}`);
    const [open, wakeAtMs] = [openOf(model, state), wakeAtMsOf(state)];
    return baseEvent(model, { timeMs, payload, open, wakeAtMs });
  }

  /** Saves the confirmed state, when it is the newest that the log knows: then its position is known too. */
  #save(turn: Turn): void {
    const snapshots = this.#snapshots;
    if (snapshots === undefined || this.#saving || !this.gauge.isDue(turn.nowMs)) return;
    const entry = this.shard.log?.entry(this.subject.persistenceId);
    if (entry?.sequenceNumber !== turn.sequenceNumber) return;
    const payload = this.#encoded(this.confirmed, turn.nowMs);
    if (payload === undefined) return;
    const { snapshotVersion: schemaVersion } = this.subject.model;
    const { position, sequenceNumber } = entry;
    const snapshot = { sequenceNumber, position, schemaVersion, timeMs: turn.nowMs, payload };
    this.#saving = true;
    void snapshots.save(this.subject, snapshot).finally(() => {
      this.#saving = false;
    });
  }

  /** Recovery goes further back than it should; nothing is lost. Tried again a whole interval later. */
  #snapshotFailed(error: unknown, nowMs: number): void {
    this.gauge.reset(nowMs);
    this.subject.log.error(`no snapshot: ${reasonOf(error)}`, { error });
  }

  turnConfirmed(turn: Turn): void {
    if (turn.status !== "waiting") return;
    turn.status = "confirmed";
    this.#advance();
  }

  turnLost(turn: Turn, error: unknown): void {
    if (turn.status !== "waiting") return;
    this.#drop(turn, this.#callersError(turn, error));
    this.lost(error);
    this.#advance();
  }

  /** Drops all turns that wrote nothing: what they have seen may never have been. */
  invalidate(error: unknown): void {
    const notDone = this.shard.notServing(lostBefore, error);
    for (let each = this.#first; each !== undefined; each = each.next) {
      if (each.sequenceNumber === 0 && each.status !== "dropped") this.#drop(each, notDone);
    }
    while (this.#first?.status === "dropped") this.#leaveFirst(this.#first);
  }

  #callersError(turn: Turn, error: unknown): unknown {
    if (turn.sequenceNumber === 0) return this.shard.notServing(lostBefore, error);
    if (isTroupeError(error)) return error;
    const details = { actor: this.subject.persistenceId, reason: reasonOf(error) };
    return new TroupeError("TROUPE_JOURNAL_UNCERTAIN", details, { cause: error });
  }

  #drop(turn: Turn, error: unknown): void {
    turn.status = "dropped";
    if (turn.call !== undefined) this.failed(turn.call, error);
  }

  #advance(): void {
    let head = this.#first;
    if (head?.status === "waiting") return;
    for (; head !== undefined && head.status !== "waiting"; head = this.#first) {
      this.#leaveFirst(head);
      if (head.status === "confirmed") this.#deliver(head);
    }
    this.advanced();
  }

  #deliver(turn: Turn): void {
    const wrote = turn.sequenceNumber > 0;
    if (wrote) this.confirmed = turn.state;
    if (turn.deleting) {
      this.deleting = false;
      this.gauge.reset(undefined);
      void this.#snapshots?.delete(this.subject);
    } else if (wrote) this.#save(turn);
    this.delivered(turn);
  }
}
