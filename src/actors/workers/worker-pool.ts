/**
 * All workers of one system in this process: gives each agent that connects its worker, brings
 * attempts from the scheduler to it, and does what follows from the workers' turns.
 *
 * Boundary: a worker's actor decides and stores; the pool carries out. Nobody waits for another actor
 * inside a turn, so no two actors can wait for each other.
 */
import { type Clock, type Logger, limits, reasonOf, TroupeError } from "../kernel/index.ts";
import type { ConnectionParts } from "./agent-connection.ts";
import type { AgentHello, AgentLink, AgentSession, CancelOrder } from "./agent-session.ts";
import { type AttemptKey, attemptId } from "./attempt.ts";
import type { AttemptReports } from "./attempt-reports.ts";
import { Repeater } from "./repeater.ts";
import {
  defineWorker,
  type WorkerDefinition,
  type WorkerEffects,
  type WorkerHandle,
} from "./worker.ts";
import type { CapacityListener } from "./worker-capacity.ts";
import { WorkerSeat } from "./worker-seat.ts";
import type { Reconciliation, WorkerState } from "./worker-state.ts";
import type { EnrolledAgent, Workers, WorkerView } from "./workers.ts";

export interface WorkerPoolOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** What agents are told. Milliseconds; default `limits.leaseMs`. */
  readonly leaseMs?: number;
  /** After `leaseMs`, for an agent to kill what it runs. Milliseconds; default `limits.leaseGraceMs`. */
  readonly leaseGraceMs?: number;
  /** Told of each agent that was silent until its lease was over. */
  readonly onLeaseLost?: () => void;
}

/** Those the pool talks to; they exist only once the system has started. */
export interface WorkerPoolPeers {
  readonly worker: (workerId: string) => WorkerHandle;
  readonly reports: AttemptReports;
  readonly capacity: CapacityListener;
}

export class WorkerPool implements Workers, WorkerEffects {
  readonly definition: WorkerDefinition;
  readonly #options: WorkerPoolOptions;
  readonly #repeater: Repeater;
  readonly #seats = new Map<string, WorkerSeat>();
  /** Workers that were recovered before `start`. */
  readonly #early = new Map<string, WorkerState>();
  #peers: WorkerPoolPeers | undefined;
  #stopped = false;

  constructor(options: WorkerPoolOptions) {
    this.#options = options;
    this.#repeater = new Repeater(options);
    this.definition = defineWorker(this);
  }

  start(peers: WorkerPoolPeers): void {
    this.#peers = peers;
    for (const [workerId, state] of this.#early) this.#seat(workerId).stands(state);
    this.#early.clear();
  }

  /** Ends all connections and timers. What the workers hold stays stored. */
  stop(): void {
    this.#stopped = true;
    this.#repeater.stop();
    for (const seat of this.#seats.values()) seat.stop("the server stops");
  }

  stands(workerId: string, state: WorkerState): void {
    if (this.#stopped) return;
    if (this.#peers === undefined) this.#early.set(workerId, state);
    else this.#seat(workerId).stands(state);
  }

  /** For the scheduler. False: it certainly, or possibly, did not take the attempt. */
  async assign(attempt: AttemptKey, workerId: string): Promise<boolean> {
    const seat = this.#seats.get(workerId);
    if (seat?.connection?.isOpen !== true || this.#stopped) return false;
    try {
      const tried = await this.#running().worker(workerId).try.assign(attempt);
      if (tried.ok) return true;
    } catch (error) {
      const reason = reasonOf(error);
      this.#options.logger.warn("an assignment failed", { worker: workerId, reason });
    }
    seat.resync();
    return false;
  }

  // ── Workers ────────────────────────────────────────────────────────────────────────────

  async enrolled(workerId: string, agent: EnrolledAgent): Promise<void> {
    await this.#running().worker(workerId).enrolled(agent);
  }

  async connect(workerId: string, hello: AgentHello, session: AgentSession): Promise<AgentLink> {
    checkHello(workerId, hello);
    const { worker } = this.#running();
    const seat = this.#seat(workerId);
    const isNewest = seat.beginConnect();
    const reconciled = await worker(workerId).hello(hello);
    const parts = await this.#partsOf(workerId, session, reconciled);
    if (!isNewest() || this.#stopped) {
      const problem = "a newer connection of the same agent took over, or its lease was over";
      throw new TroupeError("TROUPE_WORKER_REFUSED", { worker: workerId, problem });
    }
    return seat.connect(parts);
  }

  async drain(workerId: string, reason: string): Promise<void> {
    await this.#running().worker(workerId).drain(reason);
    this.#seats.get(workerId)?.connection?.orderDrain(reason);
  }

  cancel(workerId: string, attempt: AttemptKey, order: CancelOrder): void {
    this.#seats.get(workerId)?.connection?.cancel(attempt, order);
  }

  list(): readonly WorkerView[] {
    return Array.from(this.#seats.values(), (seat) => seat.view());
  }

  /** Asks the owners of what the agent still holds whether it is still wanted. */
  async #partsOf(
    workerId: string,
    session: AgentSession,
    { resumed, disowned }: Reconciliation,
  ): Promise<ConnectionParts> {
    const { reports } = this.#running();
    const answers = await Promise.all(
      resumed.map(async (attempt) => ({
        attempt,
        answer: await reports.resumed(attempt, workerId),
      })),
    );
    const unwanted: AttemptKey[] = [];
    const cancelled: { attempt: AttemptKey; order: CancelOrder }[] = [];
    for (const { attempt, answer } of answers) {
      if (answer.verdict === "cancel") {
        cancelled.push({ attempt, order: { reason: answer.reason, graceMs: answer.graceMs } });
      }
      if (answer.verdict !== "disown") continue;
      unwanted.push(attempt);
      this.#release(workerId, attempt, answer.reason);
    }
    return { session, resumed, cancelled, disowned: [...disowned, ...unwanted] };
  }

  #release(workerId: string, attempt: AttemptKey, reason: string): void {
    const { worker } = this.#running();
    void this.#repeater.run(`releasing ${attemptId(attempt)}`, () =>
      worker(workerId).release(attempt, reason),
    );
  }

  #running(): WorkerPoolPeers {
    if (this.#peers !== undefined && !this.#stopped) return this.#peers;
    throw new TroupeError("TROUPE_SYSTEM_STOPPED", { system: "workers", use: "workers" });
  }

  #seat(workerId: string): WorkerSeat {
    const known = this.#seats.get(workerId);
    if (known !== undefined) return known;
    const { reports, capacity, worker } = this.#running();
    const { clock, logger, leaseMs, leaseGraceMs } = this.#options;
    const silenceMsMax = (leaseMs ?? limits.leaseMs) + (leaseGraceMs ?? limits.leaseGraceMs);
    const { onLeaseLost = () => {} } = this.#options;
    const repeater = this.#repeater;
    const services = { clock, logger, repeater, reports, capacity, silenceMsMax, onLeaseLost };
    this.#forgetLeft();
    const seat = new WorkerSeat(workerId, worker(workerId), services);
    this.#seats.set(workerId, seat);
    return seat;
  }

  #forgetLeft(): void {
    if (this.#seats.size < limits.workersListedMax) return;
    for (const [workerId, seat] of this.#seats) {
      if (!seat.isLeft) continue;
      this.#seats.delete(workerId);
      return;
    }
  }
}

function checkHello(workerId: string, { slots, bootId }: AgentHello): void {
  const whole = Number.isInteger(slots) && slots >= 1 && slots <= limits.agentSlotsMax;
  if (whole && bootId !== "") return;
  const problem = whole
    ? "its hello has no boot id"
    : `it says that it has ${slots} slots, and 1 to ${limits.agentSlotsMax} are expected`;
  throw new TroupeError("TROUPE_WORKER_REFUSED", { worker: workerId, problem });
}
