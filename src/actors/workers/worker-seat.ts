/**
 * What this process knows of one worker beside what is stored: its connection, its lease, what it
 * was last seen to be. Soft state: all of it is made again after a restart.
 *
 *  T1. The capacity listener has been told of exactly what the worker can take: a worker is ready
 *      while its connection is open, its status takes work and it has not just declined some; and
 *      gone otherwise.
 *  T2. A live attempt is brought to the open connection, also one whose assignment nobody saw answered.
 *  T3. A lost attempt is reported until its owner has answered, then released.
 *  T4. There is a lease as long as the worker is open, connected or not.
 */
import { type Clock, type Logger, limits, type Timer } from "../kernel/index.ts";
import { AgentConnection, type ConnectionHome, type ConnectionParts } from "./agent-connection.ts";
import { type AttemptKey, attemptId } from "./attempt.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import { Lease } from "./lease.ts";
import type { Repeater } from "./repeater.ts";
import type { WorkerHandle } from "./worker.ts";
import type { CapacityListener } from "./worker-capacity.ts";
import { takesWork } from "./worker-lifecycle.ts";
import { isOpen, liveAttempts, newWorker, type WorkerState } from "./worker-state.ts";
import type { WorkerView } from "./workers.ts";

/** What all seats of a pool share. */
export interface SeatServices {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly repeater: Repeater;
  readonly reports: AttemptReports;
  readonly capacity: CapacityListener;
  /** From the last sign of life until the worker is lost. */
  readonly silenceMsMax: number;
  readonly onLeaseLost: () => void;
}

export class WorkerSeat implements ConnectionHome {
  readonly workerId: string;
  readonly #actor: WorkerHandle;
  readonly #services: SeatServices;
  readonly #telling = new Set<string>();
  #state: WorkerState = newWorker;
  #connection: AgentConnection | undefined;
  #connects = 0;
  #lease: Lease | undefined;
  #lastSeenAtMs: number | undefined;
  /** It declined an attempt; until this fires it is offered no other. */
  #pause: Timer | undefined;
  /** What the capacity listener believes; undefined = not ready. */
  #announced:
    | { readonly offer: string; readonly live: ReadonlyMap<string, AttemptKey> }
    | undefined;

  constructor(workerId: string, actor: WorkerHandle, services: SeatServices) {
    this.workerId = workerId;
    this.#actor = actor;
    this.#services = services;
  }

  get reports(): AttemptReports {
    return this.#services.reports;
  }

  get repeater(): Repeater {
    return this.#services.repeater;
  }

  get connection(): AgentConnection | undefined {
    return this.#connection;
  }

  /** Nothing of it is left but a line in a list. */
  get isLeft(): boolean {
    return this.#connection === undefined && !isOpen(this.#state);
  }

  view(): WorkerView {
    const { status, agentName, labels, slots } = this.#state;
    return {
      workerId: this.workerId,
      agentName,
      status,
      connected: this.#connection?.isOpen ?? false,
      labels,
      slots,
      holding: liveAttempts(this.#state),
      ...(this.#lastSeenAtMs === undefined ? {} : { lastSeenAtMs: this.#lastSeenAtMs }),
    };
  }

  /** Its stored state is now this. May be said again with what is known already. */
  stands(state: WorkerState): void {
    this.#state = state;
    if (isOpen(state)) this.#keepLease();
    else if (this.#connection === undefined) this.#endLease();
    this.#settle();
    for (const { attempt, lost } of state.held) {
      if (lost !== undefined) void this.#tellLost(attempt, lost);
    }
  }

  /** A hello came: whatever was there before is over. Returns whether the hello is still the newest. */
  beginConnect(): () => boolean {
    const connect = ++this.#connects;
    this.#connection?.end("a newer connection of the same agent took over");
    this.alive();
    this.#keepLease();
    return () => connect === this.#connects;
  }

  connect(parts: ConnectionParts): AgentConnection {
    this.#connection = new AgentConnection(this, parts);
    return this.#connection;
  }

  /** The pool ends: no timer and no connection of this seat is left. */
  stop(reason: string): void {
    this.#connection?.end(reason);
    this.#endLease();
    this.#pause?.cancel();
  }

  // ── what its connection says ───────────────────────────────────────────────────────────

  alive(): void {
    this.#lastSeenAtMs = this.#services.clock.nowMs();
    this.#lease?.renew();
  }

  opened(connection: AgentConnection): void {
    if (connection === this.#connection) this.#settle();
  }

  ended(connection: AgentConnection, cause: string): void {
    if (connection !== this.#connection) return;
    this.#connection = undefined;
    this.#services.logger.info("the agent is away", { worker: this.workerId, cause });
    if (!isOpen(this.#state)) this.#endLease();
    this.#settle();
  }

  /** Offering it the next attempt at once would have it declined as well, and so on. */
  declined(): void {
    this.#pause?.cancel();
    this.#pause = this.#services.clock.setTimer(limits.declinePauseMs, () => {
      this.#pause = undefined;
      this.#settle();
    });
    this.#withdraw();
  }

  async release(attempt: AttemptKey, reason: string): Promise<void> {
    await this.#actor.release(attempt, reason);
  }

  async drain(reason: string): Promise<void> {
    await this.#actor.drain(reason);
  }

  // ── keeping both sides in step ─────────────────────────────────────────────────────────

  /**
   * The stored state may differ from what is believed here (an assignment whose outcome is not
   * known, or that was refused): nothing is offered until the actor has said how it stands.
   */
  resync(): void {
    this.#withdraw();
    void this.repeater.run(`worker ${this.workerId}`, () => this.#actor.stand());
  }

  #settle(): void {
    const connection = this.#connection;
    if (connection === undefined || !connection.isOpen) return this.#withdraw();
    const live = liveAttempts(this.#state);
    if (takesWork(this.#state.status) && this.#pause === undefined) this.#offer(live);
    else this.#withdraw();
    for (const attempt of live) connection.deliver(attempt);
    return undefined;
  }

  #offer(attempts: readonly AttemptKey[]): void {
    const { capacity } = this.#services;
    const { labels, slots } = this.#state;
    const live = new Map(attempts.map((attempt) => [attemptId(attempt), attempt]));
    const offer = JSON.stringify([slots, labels]);
    const before = this.#announced;
    this.#announced = { offer, live };
    if (before?.offer !== offer) {
      return capacity.workerReady({ workerId: this.workerId, labels, slots, holding: attempts });
    }
    for (const [id, attempt] of before.live) {
      if (!live.has(id)) capacity.released(this.workerId, attempt);
    }
    return undefined;
  }

  #withdraw(): void {
    if (this.#announced === undefined) return;
    this.#announced = undefined;
    this.#services.capacity.workerGone(this.workerId);
  }

  async #tellLost(attempt: AttemptKey, reason: string): Promise<void> {
    const id = attemptId(attempt);
    if (this.#telling.has(id)) return;
    this.#telling.add(id);
    const { repeater, reports, workerId } = this;
    await repeater.run(`reporting ${id} lost`, async () => {
      await reports.lost(attempt, workerId, reason);
      await this.release(attempt, reason);
    });
    this.#telling.delete(id);
  }

  #keepLease(): void {
    const { clock, silenceMsMax } = this.#services;
    this.#lease ??= new Lease({ clock, durationMs: silenceMsMax, over: () => this.#leaseOver() });
  }

  #endLease(): void {
    this.#lease?.stop();
    this.#lease = undefined;
  }

  #leaseOver(): void {
    this.#lease = undefined;
    const connect = ++this.#connects;
    this.#services.onLeaseLost();
    this.#services.logger.warn("the agent is lost: its lease is over", { worker: this.workerId });
    this.#connection?.end("no sign of life until the lease was over");
    void this.repeater.run(
      `ending the lease of ${this.workerId}`,
      () => this.#actor.leaseOver(),
      () => connect === this.#connects,
    );
  }
}
