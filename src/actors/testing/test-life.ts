/**
 * One life of a system's process: everything by which it acts on the world, so that all of it can be cut at
 * once, as `kill -9` does.
 *
 *   I1. When it is cut, none of its timers fires any more, none of its turns runs, nothing that it has not
 *       written yet is written, and no answer reaches it.
 *   I2. What was on its way to the journal at that moment has landed or never will; the seed decides.
 */
import type { Clock, Random, Timer, TurnSource } from "../kernel/index.ts";
import type { Journal } from "../persistence/index.ts";

export class TestLife {
  isCut = false;
  readonly #timers = new Set<Timer>();

  cut(): void {
    this.isCut = true;
    for (const timer of this.#timers) timer.cancel();
    this.#timers.clear();
  }

  clock(clock: Clock): Clock {
    return {
      nowMs: () => clock.nowMs(),
      monotonicMs: () => clock.monotonicMs(),
      setTimer: (delayMs, fire) => {
        if (this.isCut) return { cancel: () => {} };
        const timer = clock.setTimer(delayMs, () => {
          this.#timers.delete(timer);
          fire();
        });
        this.#timers.add(timer);
        return {
          cancel: () => {
            this.#timers.delete(timer);
            timer.cancel();
          },
        };
      },
    };
  }

  turns(source: TurnSource): TurnSource {
    return (run) =>
      source(() => {
        if (!this.isCut) run();
      });
  }

  /** A disk that takes up to `delayMsMax` for each way: to be written, and to say so. */
  journal(disk: Journal, { clock, random, delayMsMax }: DiskPace): Journal {
    const way = (): Promise<void> =>
      new Promise((resolve) => {
        const delayMs = random.next() * delayMsMax;
        if (!this.isCut) clock.setTimer(delayMs, resolve);
      });
    const reached = async <T>(act: () => Promise<T>): Promise<T> => {
      await way();
      if (this.isCut) return never();
      const answer = await act();
      await way();
      return answer;
    };
    return {
      journalId: disk.journalId,
      shards: disk.shards,
      recordBytesMax: disk.recordBytesMax,
      append: (requests) => reached(() => disk.append(requests)),
      tail: (shard) => reached(() => disk.tail(shard)),
      read: (shard, from, bytesMax) => reached(() => disk.read(shard, from, bytesMax)),
      readAt: (shard, position) => reached(() => disk.readAt(shard, position)),
      cut: (shard, before) => reached(() => disk.cut(shard, before)),
      // The disk stays when the process ends.
      close: () => Promise.resolve(),
    };
  }
}

export interface DiskPace {
  /** This life's own: what it waits for ends with it. */
  readonly clock: Clock;
  readonly random: Random;
  readonly delayMsMax: number;
}

function never(): Promise<never> {
  return new Promise(() => {});
}
