/** The workers of a system, for whoever stands above them: sessions of a server, runs, a test. */
import type { AgentHello, AgentLink, AgentSession, CancelOrder } from "./agent-session.ts";
import type { AttemptKey } from "./attempt.ts";
import type { WorkerStatus } from "./worker-lifecycle.ts";

export interface WorkerView {
  readonly workerId: string;
  readonly agentName: string;
  readonly status: WorkerStatus;
  /** Is its stream up? A worker without one keeps its attempts until its lease is over. */
  readonly connected: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  readonly holding: readonly AttemptKey[];
  /** Wall clock; undefined = not since this process started. */
  readonly lastSeenAtMs?: number;
}

export interface Workers {
  /** An agent traded its token for this id. Its first connection may come much later. */
  enrolled(workerId: string, agent: EnrolledAgent): Promise<void>;
  /**
   * A stream of this agent is up and said hello. Reconciles what it holds with what it was given.
   * Rejects when the hello makes no sense (`TROUPE_WORKER_REFUSED`) or the journal does not answer.
   */
  connect(workerId: string, hello: AgentHello, session: AgentSession): Promise<AgentLink>;
  /** Takes no more work; ends when what runs has ended. */
  drain(workerId: string, reason: string): Promise<void>;
  /** Best effort by itself: an agent that is away hears of it when it comes back. */
  cancel(workerId: string, attempt: AttemptKey, order: CancelOrder): void;
  /** All that this process knows of, also the ones away. */
  list(): readonly WorkerView[];
}

export interface EnrolledAgent {
  readonly agentName: string;
  readonly labels: Readonly<Record<string, string>>;
}
