/**
 * Asks after leaders that are slow to answer, on behalf of all requests that wait for them.
 *
 *  A1. While a request waits for longer than `suspectMs`, other brokers are asked who leads; when
 *      that is another one, the request is given up at once, not at its time-out.
 *  A2. However many requests wait, a node is asked after once a round, and rounds take at most a
 *      quarter of the time: a machine that is merely slow is not made slower by questions.
 */
import type { Clock, Timer } from "../../../kernel/index.ts";
import type { ClusterView } from "./cluster-view.ts";
import { errorOf, protocolError } from "./protocol-errors.ts";

/** Where a request goes, and for which partitions that node has to be the leader. */
export interface Destination {
  readonly node: number;
  readonly partitions: readonly number[];
}

export interface LeaderWatchParts {
  readonly clock: Clock;
  /** A view asked now, of any broker but `node`. */
  readonly viewWithout: (node: number) => Promise<ClusterView>;
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
/** A pause is at least so many times as long as the round before it. */
const pauseFactor = 3;

export class LeaderWatch {
  readonly #parts: LeaderWatchParts;
  readonly #waiting = new Set<Waiting>();
  #timer: Timer | undefined;
  #isLooking = false;

  constructor(parts: LeaderWatchParts) {
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
    if (this.#isLooking || this.#waiting.size === 0) return;
    this.#timer ??= this.#parts.clock.setTimer(afterMs, () => {
      this.#timer = undefined;
      void this.#look();
    });
  }

  async #look(): Promise<void> {
    const { clock } = this.#parts;
    const beganMs = clock.monotonicMs();
    const suspects = new Set<number>();
    for (const { destination, sinceMs } of this.#waiting) {
      if (beganMs - sinceMs >= suspectMs) suspects.add(destination.node);
    }
    this.#isLooking = true;
    await Promise.all([...suspects].map((node) => this.#askAfter(node)));
    this.#isLooking = false;
    this.#arm(Math.max(suspectMs, (clock.monotonicMs() - beganMs) * pauseFactor));
  }

  async #askAfter(node: number): Promise<void> {
    try {
      const view = await this.#parts.viewWithout(node);
      for (const { destination, giveUp } of this.#waiting) {
        if (destination.node !== node || !isLedByAnother(view, destination)) continue;
        giveUp(errorOf(protocolError.leaderNotAvailable, `node ${node} leads no longer`));
      }
    } catch (error) {
      // The requests' own time-out has to do.
      this.#parts.failed(error);
    }
  }
}

function isLedByAnother(view: ClusterView, { node, partitions }: Destination): boolean {
  return partitions.some((partition) => {
    const leader = view.partitions[partition]?.leader ?? -1;
    return leader >= 0 && leader !== node;
  });
}
