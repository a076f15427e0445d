/**
 * The way of one attempt's log from the job to the server: what may be sent now, and when the job
 * has to wait. Boundary: bytes come masked; the session sends what `nextChunk` gives.
 *
 *   O1. acknowledged ≤ sent ≤ flushed ≤ end. All below `flushed` may go out.
 *   O2. Bytes are flushed in whole pieces of `logChunkBytesMax`, the rest at once if the last flush is `flushMs` ago,
 *       else when it is: a line after a pause never waits, a steady trickle never postpones its own
 *       flush, a flood goes out in whole pieces, and there is no more than one smaller piece per `flushMs`.
 *   O3. sent - acknowledged ≤ what the link bears (`log-flight.ts`) ≤ the server's window.
 *   O4. The job's pipe is stopped while more than `logUnsentBytesMax` waits for an open link, or while
 *       the spool has no room; it goes on at half of that. Nothing is ever dropped.
 *   O5. A new link starts at `acknowledged`: what the old one carried beyond it may be lost.
 *   O6. Where the window is what limits a piece, it is half the window or a whole piece at least; what is
 *       on the way then is more than half a window, so its acknowledgement opens it again.
 */
import type { AgentClock, AgentTimer } from "./clock.ts";
import { agentLimits } from "./limits.ts";
import { LogFlight } from "./log-flight.ts";
import type { LogSpool } from "./log-spool.ts";
import { LogTimes } from "./log-times.ts";

export interface LogLink {
  readonly flushMs: number;
  readonly windowBytes: number;
}

export interface LogOutboxOptions {
  readonly clock: AgentClock;
  readonly spool: LogSpool;
  /** There is something to send, or all has been sent: look again. */
  readonly onReady: () => void;
  /** Stop (true) or go on (false) reading the job's pipe. */
  readonly onBlocked: (blocked: boolean) => void;
}

export interface OutboxChunk {
  readonly offset: number;
  readonly data: Buffer;
  /** How long ago its bytes came; nothing where an earlier start of the agent knew it. */
  readonly times: readonly { readonly offset: number; readonly ageMs: number }[];
}

export class LogOutbox {
  readonly #clock: AgentClock;
  readonly #spool: LogSpool;
  readonly #onReady: () => void;
  readonly #onBlocked: (blocked: boolean) => void;
  readonly #times = new LogTimes();
  #link: LogLink | undefined;
  #flight: LogFlight | undefined;
  #sent = 0;
  #flushed = 0;
  #flushedAtMs = Number.NEGATIVE_INFINITY;
  #finished = false;
  #blocked = false;
  #flushTimer: AgentTimer | undefined;

  constructor(options: LogOutboxOptions) {
    this.#clock = options.clock;
    this.#spool = options.spool;
    this.#onReady = options.onReady;
    this.#onBlocked = options.onBlocked;
  }

  /** The log's length so far. */
  get end(): number {
    return this.#spool.end;
  }

  /** The job has ended, and every byte went out on the present link. */
  get isSent(): boolean {
    return this.#finished && this.#sent === this.#spool.end;
  }

  /** Bytes that no acknowledgement has come for. */
  get kept(): number {
    return this.#spool.end - this.#spool.acknowledged;
  }

  append(bytes: Uint8Array): void {
    if (bytes.length > 0) this.#times.came(this.#spool.end, this.#clock.monotonicMs());
    this.#spool.append(bytes);
    this.#flushIfDue();
    this.#decide();
  }

  /** No more bytes will come. */
  finish(): void {
    this.#finished = true;
    this.#flush();
  }

  /** A link is open (its terms), or none is. */
  setLink(link: LogLink | undefined): void {
    this.#link = link;
    this.#flight = link && new LogFlight(link.windowBytes);
    this.#sent = this.#spool.acknowledged;
    if (link === undefined) this.#stopTimer();
    else if (this.#flushed < this.#spool.end) this.#flush();
    else this.#onReady();
    this.#decide();
  }

  /** The next piece to send, counted as sent; undefined = nothing to send, or the window is full. */
  nextChunk(): OutboxChunk | undefined {
    if (this.#flight === undefined) return undefined;
    const windowBytes = this.#flight.bytesMax;
    const waiting = this.#flushed - this.#sent;
    const allowed = Math.min(waiting, this.#spool.acknowledged + windowBytes - this.#sent);
    // A nearly full window that opens bit by bit would cut the log into ever smaller pieces (O6).
    const worthwhile = Math.min(agentLimits.logChunkBytesMax, windowBytes / 2);
    if (allowed <= 0 || (allowed < waiting && allowed < worthwhile)) return undefined;
    const offset = this.#sent;
    const data = this.#spool.read(offset, Math.min(allowed, agentLimits.logChunkBytesMax));
    this.#sent += data.length;
    const flying = this.#sent - this.#spool.acknowledged;
    const nowMs = this.#clock.monotonicMs();
    this.#flight.sent(this.#sent, flying, nowMs);
    this.#decide();
    const times = this.#times
      .between(offset, this.#sent)
      .map((mark) => ({ offset: mark.offset, ageMs: Math.max(0, Math.round(nowMs - mark.atMs)) }));
    return { offset, data, times };
  }

  /**
   * The server has stored everything below `offset`, perhaps by what an earlier link carried.
   * False: it never got that much, so it is mistaken.
   */
  acknowledge(offset: number): boolean {
    if (offset > this.#flushed) return false;
    this.#spool.acknowledge(offset);
    this.#times.forget(offset);
    this.#flight?.acknowledged(offset, this.#clock.monotonicMs());
    this.#sent = Math.max(this.#sent, offset);
    this.#decide();
    this.#onReady();
    return true;
  }

  /** Forgets the log and removes its files. */
  close(): void {
    this.#stopTimer();
    this.#link = undefined;
    this.#flight = undefined;
    this.#spool.close();
  }

  #flushIfDue(): void {
    if (this.#link === undefined || this.#flushed === this.#spool.end) return;
    const { end } = this.#spool;
    const whole = end - (end % agentLimits.logChunkBytesMax);
    if (whole > this.#flushed) this.#flush(whole);
    if (this.#flushed === end || this.#flushTimer !== undefined) return;
    const waitMs = this.#flushedAtMs + this.#link.flushMs - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#flush();
    else this.#flushTimer = this.#clock.setTimer(waitMs, () => this.#flush());
  }

  #flush(to = this.#spool.end): void {
    this.#stopTimer();
    this.#flushed = to;
    this.#flushedAtMs = this.#clock.monotonicMs();
    this.#onReady();
  }

  #stopTimer(): void {
    this.#flushTimer?.cancel();
    this.#flushTimer = undefined;
  }

  #decide(): void {
    const unsentMax = agentLimits.logUnsentBytesMax / (this.#blocked ? 2 : 1);
    const tooMuch = this.#link !== undefined && this.#spool.end - this.#sent >= unsentMax;
    const blocked = tooMuch || !this.#spool.hasRoom;
    if (blocked === this.#blocked) return;
    this.#blocked = blocked;
    this.#onBlocked(blocked);
  }
}
