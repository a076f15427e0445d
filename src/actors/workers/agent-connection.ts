/**
 * One live connection of an agent: brings attempts to it, in order with their cancels, and its
 * reports to those who own the attempts.
 *
 *  C1. Nothing goes out before `open` and after the end, whichever side ended it.
 *  C2. An attempt is delivered at most once per connection.
 *  C3. A cancel never overtakes its assignment: one that comes while the assignment is prepared is
 *      sent right behind it.
 *  C4. What was prepared for an agent that left meanwhile is dropped; the next connection asks again.
 */
import type { AgentLink, AgentSession, CancelOrder } from "./agent-session.ts";
import { type AttemptKey, type AttemptResult, attemptId } from "./attempt.ts";
import type { AttemptReports, FinishAnswer } from "./attempt-reports.ts";
import type { Repeater } from "./repeater.ts";

/** What a connection needs of its worker. */
export interface ConnectionHome {
  readonly workerId: string;
  readonly reports: AttemptReports;
  readonly repeater: Repeater;
  /** Any sign of life. */
  alive(): void;
  opened(connection: AgentConnection): void;
  ended(connection: AgentConnection, cause: string): void;
  /** The agent did not take an attempt that it was sent. */
  declined(): void;
  /** Resolves when the worker's actor has forgotten the attempt for good. */
  release(attempt: AttemptKey, reason: string): Promise<void>;
  drain(reason: string): Promise<void>;
}

export interface ConnectionParts {
  readonly session: AgentSession;
  readonly disowned: readonly AttemptKey[];
  readonly resumed: readonly AttemptKey[];
  /** Of `resumed`, those to be cancelled as soon as the connection is open. */
  readonly cancelled: readonly { readonly attempt: AttemptKey; readonly order: CancelOrder }[];
}

interface Delivery {
  sent: boolean;
  /** Asked for before it was sent. */
  cancel?: CancelOrder;
}

export class AgentConnection implements AgentLink {
  readonly workerId: string;
  readonly disowned: readonly AttemptKey[];
  readonly #home: ConnectionHome;
  readonly #parts: ConnectionParts;
  readonly #deliveries = new Map<string, Delivery>();
  #status: "waiting" | "open" | "ended" = "waiting";

  constructor(home: ConnectionHome, parts: ConnectionParts) {
    this.workerId = home.workerId;
    this.disowned = parts.disowned;
    this.#home = home;
    this.#parts = parts;
    for (const attempt of parts.resumed) this.#deliveries.set(attemptId(attempt), { sent: true });
  }

  get isOpen(): boolean {
    return this.#status === "open";
  }

  // ── orders to the agent ────────────────────────────────────────────────────────────────

  /** Prepares the attempt and sends it, unless this connection has had it already. */
  deliver(attempt: AttemptKey): void {
    const id = attemptId(attempt);
    if (!this.isOpen || this.#deliveries.has(id)) return;
    const delivery: Delivery = { sent: false };
    this.#deliveries.set(id, delivery);
    void this.#deliver(attempt, delivery);
  }

  cancel(attempt: AttemptKey, order: CancelOrder): void {
    const delivery = this.#deliveries.get(attemptId(attempt));
    if (delivery === undefined || !this.isOpen) return;
    if (delivery.sent) this.#parts.session.cancel(attempt, order);
    else delivery.cancel = order;
  }

  orderDrain(reason: string): void {
    if (this.isOpen) this.#parts.session.drain(reason);
  }

  /** Ends the connection from this side. */
  end(reason: string): void {
    if (this.#status === "ended") return;
    this.closed(reason);
    this.#parts.session.close(reason);
  }

  async #deliver(attempt: AttemptKey, delivery: Delivery): Promise<void> {
    const { reports, repeater, workerId } = this.#home;
    const answer = await repeater.run(
      `preparing ${attemptId(attempt)}`,
      () => reports.prepare(attempt, workerId),
      () => this.isOpen,
    );
    if (answer === undefined || !this.isOpen) return;
    if ("refused" in answer) return this.#giveUp(attempt, answer.refused);
    this.#parts.session.assign(answer.prepared);
    delivery.sent = true;
    if (delivery.cancel !== undefined) this.#parts.session.cancel(attempt, delivery.cancel);
  }

  async #giveUp(attempt: AttemptKey, reason: string): Promise<void> {
    const { repeater } = this.#home;
    await repeater.run(`releasing ${attemptId(attempt)}`, () =>
      this.#home.release(attempt, reason),
    );
    this.#deliveries.delete(attemptId(attempt));
  }

  // ── reports from the agent ─────────────────────────────────────────────────────────────

  open(): void {
    if (this.#status !== "waiting") return;
    this.#status = "open";
    this.#home.alive();
    for (const { attempt, order } of this.#parts.cancelled) this.cancel(attempt, order);
    this.#home.opened(this);
  }

  heartbeat(): void {
    if (this.#status !== "ended") this.#home.alive();
  }

  accepted(_attempt: AttemptKey): void {
    this.heartbeat();
  }

  async started(attempt: AttemptKey, startedAtMs: number): Promise<void> {
    this.heartbeat();
    await this.#home.reports.started(attempt, this.workerId, startedAtMs);
  }

  async finished(attempt: AttemptKey, result: AttemptResult): Promise<FinishAnswer> {
    this.heartbeat();
    if (result.outcome === "declined") this.#home.declined();
    const answer = await this.#home.reports.finished(attempt, this.workerId, result);
    await this.#home.release(attempt, answer.recorded ? "finished" : answer.reason);
    this.#deliveries.delete(attemptId(attempt));
    return answer;
  }

  async draining(reason: string): Promise<void> {
    this.heartbeat();
    await this.#home.drain(reason);
  }

  closed(cause: string): void {
    if (this.#status === "ended") return;
    this.#status = "ended";
    this.#home.ended(this, cause);
  }
}
