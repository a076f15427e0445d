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
import { type EntityState, encodeBase, initialEntityState } from "./entity-state.ts";
import { type Answer, type Call, FinishedTurn, type TurnOwner } from "./entity-work.ts";
import type { HostedShard } from "./hosted-shard.ts";
import { SnapshotGauge } from "./snapshot-gauge.ts";
import type { SnapshotKeeper } from "./snapshot-keeper.ts";
import type { Turn } from "./turn.ts";
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
  #first: FinishedTurn | undefined = undefined;
  #last: FinishedTurn | undefined = undefined;
  /** Turns that wait for the log. */
  unconfirmed = 0;
  /** A deletion waits: what comes after it must see the new, empty life. */
  deleting = false;
  readonly subject: TurnSubject;
  readonly shard: HostedShard;
  readonly gauge: SnapshotGauge;
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
  protected abstract delivered(finished: FinishedTurn): void;
  /** A caller whose turn, or what it had read, is lost. */
  protected abstract failed(call: Call, error: unknown): void;
  /** What is in memory may not be what is in the log. */
  protected abstract lost(error: unknown): void;
  /** Some turns no longer wait. */
  protected abstract advanced(): void;

  /** The entity as its recovery found it. */
  restore(state: EntityState): void {
    this.state = state;
    this.confirmed = state;
    this.deleting = false;
  }

  /** A turn that wrote nothing: it leaves when this node has proved that it still owns the shard. */
  read(turn: Turn, call: Call | undefined, answer: Answer): void {
    const finished = new FinishedTurn(this, turn, call, answer);
    this.#wait(finished);
    this.shard.read(finished);
  }

  #wait(finished: FinishedTurn): void {
    if (this.#last === undefined) this.#first = finished;
    else this.#last.next = finished;
    this.#last = finished;
    this.unconfirmed++;
  }

  #leaveFirst(first: FinishedTurn): void {
    this.#first = first.next;
    if (first.next === undefined) this.#last = undefined;
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
    const state = turn.deleting ? initialEntityState(model, id) : turn.state;
    const finished = new FinishedTurn(this, turn, call, answer);
    finished.state = state;
    for (const event of turn.staged) this.gauge.count(turn.nowMs, event.payload.length);
    const isDue = this.#snapshots === undefined && !turn.deleting && this.gauge.isDue(turn.nowMs);
    const base = isDue ? this.#encoded(turn.state, turn.nowMs) : undefined;
    let error = this.#hand(finished, base);
    if (base !== undefined && isTroupeError(error, "TROUPE_EVENT_TOO_LARGE")) {
      // It may be the state that is too large, or an event: without the state it shows.
      this.#snapshotFailed(error, turn.nowMs);
      error = this.#hand(finished, undefined);
    }
    if (error !== undefined) {
      // Somebody else may have written meanwhile.
      if (isTroupeError(error, "TROUPE_SHARD_NOT_SERVING")) this.lost(error);
      return error;
    }
    this.state = state;
    this.deleting = turn.deleting;
    this.#wait(finished);
    return undefined;
  }

  #hand(finished: FinishedTurn, base: Uint8Array | undefined): unknown {
    try {
      const { persistenceId } = this.subject;
      const { turn } = finished;
      const first = this.shard.commit(finished, persistenceId, turn.group(base));
      finished.sequenceNumber = first + turn.staged.length - (turn.deleting ? 0 : 1);
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

  /** Saves the confirmed state, when it is the newest that the log knows: then its position is known too. */
  #save({ turn, sequenceNumber }: FinishedTurn): void {
    const snapshots = this.#snapshots;
    if (snapshots === undefined || this.#saving || !this.gauge.isDue(turn.nowMs)) return;
    const entry = this.shard.log?.entry(this.subject.persistenceId);
    if (entry?.sequenceNumber !== sequenceNumber) return;
    const payload = this.#encoded(this.confirmed, turn.nowMs);
    if (payload === undefined) return;
    const { snapshotVersion: schemaVersion } = this.subject.model;
    const { position } = entry;
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

  turnConfirmed(finished: FinishedTurn): void {
    if (finished.status !== "waiting") return;
    finished.status = "confirmed";
    this.#advance();
  }

  turnLost(finished: FinishedTurn, error: unknown): void {
    if (finished.status !== "waiting") return;
    this.#drop(finished, this.#callersError(finished, error));
    this.lost(error);
    this.#advance();
  }

  /** Drops all turns that wrote nothing: what they have seen may never have been. */
  invalidate(error: unknown): void {
    const notDone = this.shard.notServing(lostBefore, error);
    for (let each = this.#first; each !== undefined; each = each.next) {
      if (each.state === undefined && each.status !== "dropped") this.#drop(each, notDone);
    }
    while (this.#first?.status === "dropped") this.#leaveFirst(this.#first);
  }

  #callersError(finished: FinishedTurn, error: unknown): unknown {
    if (finished.state === undefined) return this.shard.notServing(lostBefore, error);
    if (isTroupeError(error)) return error;
    const details = { actor: this.subject.persistenceId, reason: reasonOf(error) };
    return new TroupeError("TROUPE_JOURNAL_UNCERTAIN", details, { cause: error });
  }

  #drop(finished: FinishedTurn, error: unknown): void {
    finished.status = "dropped";
    if (finished.call !== undefined) this.failed(finished.call, error);
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

  #deliver(finished: FinishedTurn): void {
    if (finished.state !== undefined) this.confirmed = finished.state;
    if (finished.turn.deleting) {
      this.deleting = false;
      this.gauge.reset(undefined);
      void this.#snapshots?.delete(this.subject);
    } else if (finished.state !== undefined) this.#save(finished);
    this.delivered(finished);
  }
}
