/**
 * The two faces of a live connection to an agent. `AgentSession` is what the server implements over
 * its stream; `AgentLink` is what the worker gives it in return, once per connection.
 *
 * The order in a connection: `workers.connect(…)` → the server sends its welcome with
 * `link.disowned` → `link.open()` → only now assignments come through the session → reports go into
 * the link → `link.closed(…)`. After a newer connection of the same agent, the older link does
 * nothing any more and its session has been told to close.
 */
import type { AttemptKey, AttemptResult, PreparedAttempt } from "./attempt.ts";
import type { FinishAnswer } from "./attempt-reports.ts";

/** What an agent says of itself when it connects. */
export interface AgentHello {
  readonly agentName: string;
  readonly version: string;
  /** New for every start of the agent's process: another one means that all it ran has died. */
  readonly bootId: string;
  /** Grows with every start of the agent's process. */
  readonly start: number;
  /** Grows with every dial within one start. */
  readonly dial: number;
  readonly labels: Readonly<Record<string, string>>;
  /** Attempts it runs at once, at least 1. */
  readonly slots: number;
  /** What it still runs, or has finished but not seen acknowledged. */
  readonly holding: readonly AttemptKey[];
}

/** Sending never blocks and never throws for a dead stream: the server calls `link.closed` instead. */
export interface AgentSession {
  assign(prepared: PreparedAttempt): void;
  cancel(attempt: AttemptKey, order: CancelOrder): void;
  /** Take no more work, end when what runs has ended. */
  drain(reason: string): void;
  /** A newer connection took over, or the server stops: end the stream. */
  close(reason: string): void;
}

export interface CancelOrder {
  readonly reason: string;
  /** Between SIGTERM and SIGKILL of the whole process tree. */
  readonly graceMs: number;
}

export interface AgentLink {
  readonly workerId: string;
  /** Of `holding`, what the agent must kill and forget: goes out with the welcome. */
  readonly disowned: readonly AttemptKey[];
  /** The welcome is written: deliveries may begin. */
  open(): void;
  /** Any sign of life; renews the lease. */
  heartbeat(): void;
  /** The agent took the assignment. */
  accepted(attempt: AttemptKey): void;
  started(attempt: AttemptKey, startedAtMs: number): Promise<void>;
  /**
   * Call it after the attempt's log is stored. Resolves when the outcome is recorded (or refused)
   * for good: acknowledge then, and only then. Rejects when that could not be learnt; send no
   * acknowledgement, the agent repeats itself.
   */
  finished(attempt: AttemptKey, result: AttemptResult): Promise<FinishAnswer>;
  /** The agent takes no more work and ends when what runs has ended. */
  draining(reason: string): Promise<void>;
  /** The stream ended. The lease runs on; nothing is lost before it is over. */
  closed(cause: string): void;
}
