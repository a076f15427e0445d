/**
 * Keeps the session's pulse: beats at the server's interval, notices a link that is dead but does
 * not say so, and renews the lease.
 *
 *   H1. Only a Welcome or an answered beat renews the lease, from when its request was sent.
 *   H2. A link is dead when nothing at all has come over it for some beats. A slow one, whose answers
 *       stand behind much else, is not: whatever comes is a sign of life.
 *   H3. The lease outlives the link.
 */
import type { AgentClock, AgentTimer } from "./clock.ts";
import { Lease } from "./lease.ts";
import { agentLimits } from "./limits.ts";

export interface HeartbeatOptions {
  readonly clock: AgentClock;
  readonly send: (sequence: number) => void;
  /** Nothing has come since some beats. */
  readonly onDead: (reason: string) => void;
  readonly onLeaseOver: () => void;
  /** After it was over. */
  readonly onLeaseRenewed: () => void;
}

export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #lease: Lease;
  #sequence = 0;
  /** Unanswered beats: sequence → when it was sent. */
  readonly #sent = new Map<number, number>();
  /** Beats since anything came. */
  #silentBeats = 0;
  #leaseMs = 0;
  #beatTimer: AgentTimer | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
    const { clock, onLeaseOver: onOver, onLeaseRenewed: onRenewed } = options;
    this.#lease = new Lease({ clock, onOver, onRenewed });
  }

  /** The link is open. `helloAtMs`: when its Hello was sent, by the monotonic clock. */
  linkOpened(terms: { intervalMs: number; leaseMs: number; helloAtMs: number }): void {
    this.#sent.clear();
    this.#silentBeats = 0;
    this.#leaseMs = terms.leaseMs;
    this.#lease.renew(terms.helloAtMs, terms.leaseMs);
    this.#scheduleBeat(Math.max(1, terms.intervalMs));
  }

  linkLost(): void {
    this.#beatTimer?.cancel();
    this.#sent.clear();
  }

  /** Something came over the link, and is about to be looked at. */
  heard(): void {
    this.#silentBeats = 0;
    this.#lease.look();
  }

  /** The server has answered beat `sequence`; one that was never sent is ignored. */
  answered(sequence: number): void {
    const sentAtMs = this.#sent.get(sequence);
    if (sentAtMs === undefined) return;
    for (const earlier of [...this.#sent.keys()]) {
      if (earlier <= sequence) this.#sent.delete(earlier);
    }
    this.#lease.renew(sentAtMs, this.#leaseMs);
  }

  stop(): void {
    this.linkLost();
    this.#lease.stop();
  }

  #scheduleBeat(intervalMs: number): void {
    this.#beatTimer?.cancel();
    this.#beatTimer = this.#options.clock.setTimer(intervalMs, () => this.#beat(intervalMs));
  }

  #beat(intervalMs: number): void {
    if (this.#silentBeats >= agentLimits.heartbeatsMissedMax) {
      const silentMs = this.#silentBeats * intervalMs;
      this.#options.onDead(`no answer to ${this.#silentBeats} heartbeats in ${silentMs} ms`);
      return;
    }
    this.#sequence++;
    this.#silentBeats++;
    this.#sent.set(this.#sequence, this.#options.clock.monotonicMs());
    const [oldest] = this.#sent.keys();
    if (this.#sent.size > agentLimits.heartbeatsUnansweredMax && oldest !== undefined) {
      this.#sent.delete(oldest);
    }
    this.#options.send(this.#sequence);
    this.#scheduleBeat(intervalMs);
  }
}
