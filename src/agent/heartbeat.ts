/**
 * Keeps the session's pulse: beats at the server's interval, notices a link that is dead but does
 * not say so, and knows the lease.
 *
 *   H1. The lease is measured by the monotonic clock from before the request that renewed it: the
 *       agent's idea of its end is never later than the server's.
 *   H2. It outlives the link: only an answered beat or a Welcome renews it.
 *   H3. The end of the lease is told once per lease. Jobs go on; whether they still count is for the
 *       server to say, by disowning them.
 */
import type { AgentClock, AgentTimer } from "./clock.ts";
import { agentLimits } from "./limits.ts";

export interface HeartbeatOptions {
  readonly clock: AgentClock;
  readonly send: (sequence: number) => void;
  /** No answer to any of the last beats. */
  readonly onDead: (reason: string) => void;
  readonly onLeaseOver: () => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #sequence = 0;
  /** Unanswered beats: sequence → when it was sent. */
  readonly #sent = new Map<number, number>();
  #leaseMs = 0;
  #beatTimer: AgentTimer | undefined;
  #leaseTimer: AgentTimer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** The link is open. `helloAtMs`: when its Hello was sent, by the monotonic clock. */
  linkOpened(terms: { intervalMs: number; leaseMs: number; helloAtMs: number }): void {
    this.#sent.clear();
    this.#leaseMs = terms.leaseMs;
    this.#renew(terms.helloAtMs);
    this.#scheduleBeat(Math.max(1, terms.intervalMs));
  }

  linkLost(): void {
    this.#beatTimer?.cancel();
    this.#sent.clear();
  }

  /** The server has answered beat `sequence`; one that was never sent is ignored. */
  answered(sequence: number): void {
    const sentAtMs = this.#sent.get(sequence);
    if (sentAtMs === undefined) return;
    for (const earlier of [...this.#sent.keys()]) {
      if (earlier <= sequence) this.#sent.delete(earlier);
    }
    this.#renew(sentAtMs);
  }

  stop(): void {
    this.linkLost();
    this.#leaseTimer?.cancel();
  }

  #scheduleBeat(intervalMs: number): void {
    this.#beatTimer?.cancel();
    this.#beatTimer = this.#options.clock.setTimer(intervalMs, () => this.#beat(intervalMs));
  }

  #beat(intervalMs: number): void {
    if (this.#sent.size >= agentLimits.heartbeatsMissedMax) {
      this.#options.onDead(
        `no answer to ${this.#sent.size} heartbeats in ${this.#sent.size * intervalMs} ms`,
      );
      return;
    }
    this.#sequence++;
    this.#sent.set(this.#sequence, this.#options.clock.monotonicMs());
    this.#options.send(this.#sequence);
    this.#scheduleBeat(intervalMs);
  }

  #renew(fromMs: number): void {
    this.#leaseTimer?.cancel();
    if (this.#leaseMs === 0) return;
    const leftMs = fromMs + this.#leaseMs - this.#options.clock.monotonicMs();
    this.#leaseTimer = this.#options.clock.setTimer(Math.max(0, leftMs), this.#options.onLeaseOver);
  }
}
