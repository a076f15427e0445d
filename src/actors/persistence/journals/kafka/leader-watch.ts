/**
 * Asks after leaders that are slow to answer, on behalf of all requests that wait for them.
 *
 *  A1. While a request waits for longer than `suspectMs`, other brokers are asked who leads; when
 *      that is another one, the request is given up at once, not at its time-out.
 *  A2. However many requests wait, a node is asked after by one question at a time, and the pause behind it is as
 *      long as its answer took: a machine that is merely slow is not made slower by questions.
 *  A3. No node's question waits for another's: who would answer the one may be as frozen as the other.
 */
import type { Clock, Timer } from "../../../kernel/index.ts";
import type { ClusterView } from "./cluster-view.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";

/** Where a request goes, and for which partitions that node has to be the leader. */
export interface Destination {
  readonly node: number;
  readonly partitions: readonly number[];
}

export interface LeaderWatchParts<Sighting> {
  readonly clock: Clock;
  /** A view asked now, of any broker but `node`. */
  readonly viewWithout: (node: number) => Promise<Sighting>;
  /** Called before the requests are given up that this sighting ends. */
  readonly deposed: (sighting: Sighting) => void;
  /** Nobody else answered. */
  readonly failed: (error: unknown) => void;
}

interface Waiting {
  readonly destination: Destination;
  readonly sinceMs: number;
  readonly giveUp: (error: Error) => void;
}

/** A leader that takes longer is asked after at the others. */
const suspectMs = 250;
/** How often it is asked after then. */
const lookEveryMs = 100;

export class LeaderWatch<Sighting extends { readonly view: ClusterView }> {
  readonly #parts: LeaderWatchParts<Sighting>;
  readonly #waiting = new Set<Waiting>();
  readonly #asking = new Set<number>();
  /** By node: when it may be asked after again. */
  readonly #notBeforeMs = new Map<number, number>();
  #timer: Timer | undefined;

  constructor(parts: LeaderWatchParts<Sighting>) {
    this.#parts = parts;
  }

  /** Until `end`, `giveUp` may be called with the reason. */
  begin(destination: Destination, giveUp: (error: Error) => void): { end(): void } {
    const waiting = { destination, sinceMs: this.#parts.clock.monotonicMs(), giveUp };
    this.#waiting.add(waiting);
    this.#arm(suspectMs);
    return {
      end: () => {
        this.#waiting.delete(waiting);
        if (this.#waiting.size > 0) return;
        this.#timer?.cancel();
        this.#timer = undefined;
      },
    };
  }

  #arm(afterMs: number): void {
    if (this.#waiting.size === 0) return;
    this.#timer ??= this.#parts.clock.setTimer(afterMs, () => {
      this.#timer = undefined;
      this.#look();
    });
  }

  #look(): void {
    const nowMs = this.#parts.clock.monotonicMs();
    let nextMs = suspectMs;
    for (const { destination, sinceMs } of this.#waiting) {
      const leftMs = suspectMs - (nowMs - sinceMs);
      nextMs = Math.min(nextMs, Math.max(leftMs, lookEveryMs));
      if (leftMs <= 0) void this.#askAfter(destination.node, nowMs);
    }
    this.#arm(nextMs);
  }

  async #askAfter(node: number, nowMs: number): Promise<void> {
    if (this.#asking.has(node) || nowMs < (this.#notBeforeMs.get(node) ?? 0)) return;
    this.#asking.add(node);
    try {
      const sighting = await this.#parts.viewWithout(node);
      const ended = [...this.#waiting].filter(
        ({ destination }) =>
          destination.node === node && isLedByAnother(sighting.view, destination),
      );
      if (ended.length > 0) this.#parts.deposed(sighting);
      for (const { destination, giveUp } of ended) giveUp(leadsNoLonger(destination));
    } catch (error) {
      // The requests' own time-out has to do.
      this.#parts.failed(error);
    } finally {
      const answeredMs = this.#parts.clock.monotonicMs();
      this.#notBeforeMs.set(node, answeredMs + (answeredMs - nowMs));
      this.#asking.delete(node);
    }
  }
}

export function isLedByAnother(view: ClusterView, { node, partitions }: Destination): boolean {
  return partitions.some((partition) => {
    const leader = view.partitions[partition]?.leader ?? -1;
    return leader >= 0 && leader !== node;
  });
}

export function leadsNoLonger({ node }: Destination): Error {
  return errorOf(protocolError.leaderNotAvailable, `node ${node} leads no longer`);
}
