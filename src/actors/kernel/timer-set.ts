import type { TimerSchedule } from "./actor-services.ts";
import { invalidOption } from "./check-options.ts";
import type { Timer } from "./clock.ts";
import type { Incarnation } from "./incarnation.ts";
import { TroupeError } from "./troupe-error.ts";

/**
 * The timers of one life of an actor, by name.
 *
 *   I1. Each name has at most one timer; starting it again replaces the first.
 *   I2. A tick is a turn in the mailbox. One that waits there when its timer is cancelled or
 *       replaced is not run, and while it waits no second one joins it.
 */
interface Running {
  timer: Timer;
  waiting: boolean;
}

/** Throws TROUPE_OPTION_INVALID for a delay that no clock can take. */
export function checkDelay(option: string, delayMs: number, leastMs: number): void {
  if (typeof delayMs === "number" && delayMs >= leastMs && delayMs < Infinity) return;
  throw invalidOption(option, `a finite number of milliseconds, ${leastMs} or more`, delayMs);
}

function delayOf(schedule: TimerSchedule): number {
  if (typeof schedule !== "object" || schedule === null) {
    throw invalidOption("schedule", "{ afterMs } or { everyMs }", schedule);
  }
  if ("everyMs" in schedule) {
    checkDelay("everyMs", schedule.everyMs, 1);
    return schedule.everyMs;
  }
  checkDelay("afterMs", schedule.afterMs, 0);
  return schedule.afterMs;
}

export class TimerSet {
  readonly #of: Incarnation;
  readonly #running = new Map<string, Running>();

  constructor(of: Incarnation) {
    this.#of = of;
  }

  start(name: string, schedule: TimerSchedule, run: () => unknown): void {
    const delayMs = delayOf(schedule);
    this.cancel(name);
    const { cell } = this.#of;
    const timersMax = cell.engine.limits.timersPerActorMax;
    if (this.#running.size >= timersMax) {
      throw new TroupeError("TROUPE_TIMERS_FULL", { actor: cell.path, timersMax });
    }
    const repeats = "everyMs" in schedule;
    const fire = (): void => {
      if (repeats) running.timer = cell.engine.clock.setTimer(delayMs, fire);
      if (running.waiting) return;
      running.waiting = true;
      cell.postTurn(() => {
        running.waiting = false;
        if (this.#running.get(name) !== running) return undefined;
        if (!repeats) this.#running.delete(name);
        return run();
      });
    };
    const running: Running = { timer: cell.engine.clock.setTimer(delayMs, fire), waiting: false };
    this.#running.set(name, running);
  }

  isActive(name: string): boolean {
    return this.#running.has(name);
  }

  cancel(name: string): void {
    this.#running.get(name)?.timer.cancel();
    this.#running.delete(name);
  }

  cancelAll(): void {
    for (const { timer } of this.#running.values()) timer.cancel();
    this.#running.clear();
  }
}
