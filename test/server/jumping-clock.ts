/** The real clock, but a test may put it ahead: timers that are due by then fire at once. */
import { type Clock, systemClock, type Timer } from "../../src/actors/kernel/index.ts";

export interface JumpingClock extends Clock {
  ahead(ms: number): void;
}

export function jumpingClock(): JumpingClock {
  let aheadMs = 0;
  const waiting = new Set<{ readonly dueMs: number; readonly fire: () => void }>();
  const monotonicMs = () => systemClock.monotonicMs() + aheadMs;
  return {
    nowMs: () => systemClock.nowMs() + aheadMs,
    monotonicMs,
    setTimer: (delayMs, fire, options): Timer => {
      const entry = { dueMs: monotonicMs() + delayMs, fire: () => end(fire) };
      const timer = systemClock.setTimer(delayMs, entry.fire, options);
      const end = (then: () => void): void => {
        timer.cancel();
        if (waiting.delete(entry)) then();
      };
      waiting.add(entry);
      return { cancel: () => end(() => {}) };
    },
    ahead: (ms) => {
      aheadMs += ms;
      const nowMs = monotonicMs();
      for (const { dueMs, fire } of [...waiting]) if (dueMs <= nowMs) fire();
    },
  };
}
