/**
 * How many log bytes of one attempt may be on their way, between a bound of the agent's own and the server's
 * window. Boundary: a rule over offsets and times; it sends nothing.
 *
 *   W1. What is on the way is acknowledged within about `logFlightSlowMs`: on a slow link heartbeats wait behind
 *       log bytes, and a lease must not end for that.
 *   W2. On a fast link it doubles with every acknowledgement, so that a flood soon has the server's whole window.
 *       It grows only by what a flight of nearly its size has shown.
 */
import { agentLimits } from "./limits.ts";

interface Timed {
  readonly end: number;
  readonly sentAtMs: number;
  /** It stood at the end of a flight of half the bound or more. */
  readonly full: boolean;
}

export class LogFlight {
  readonly #windowBytes: number;
  #bytesMax: number;
  #timed: Timed | undefined;

  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes;
    this.#bytesMax = Math.min(windowBytes, agentLimits.logFlightBytesMin);
  }

  get bytesMax(): number {
    return this.#bytesMax;
  }

  /** All below `end` has gone out, `bytes` of it are not acknowledged. */
  sent(end: number, bytes: number, nowMs: number): void {
    this.#timed ??= { end, sentAtMs: nowMs, full: bytes * 2 >= this.#bytesMax };
  }

  acknowledged(offset: number, nowMs: number): void {
    const timed = this.#timed;
    if (timed === undefined || offset < timed.end) return;
    this.#timed = undefined;
    const tookMs = nowMs - timed.sentAtMs;
    if (tookMs > agentLimits.logFlightSlowMs) this.#bound(this.#bytesMax / 2);
    else if (timed.full && tookMs < agentLimits.logFlightFastMs) this.#bound(this.#bytesMax * 2);
  }

  #bound(bytes: number): void {
    const least = Math.min(this.#windowBytes, agentLimits.logFlightBytesMin);
    this.#bytesMax = Math.max(least, Math.min(this.#windowBytes, Math.floor(bytes)));
  }
}
