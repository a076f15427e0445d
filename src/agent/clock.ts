/** Time as the agent sees it: injected, so that tests own it. */
export interface AgentClock {
  /** Wall clock, for people and the server; it may jump. */
  nowMs(): number;
  /** Never jumps: leases, timeouts and durations are measured by it. */
  monotonicMs(): number;
  /** Fires once, `delayMs` from now; 0 = at the next turn of the event loop. */
  setTimer(delayMs: number, fire: () => void): AgentTimer;
}

export interface AgentTimer {
  cancel(): void;
}

/** `setTimeout` fires at once for anything longer, so longer waits are walked in steps of this. */
const timeoutMsMax = 2 ** 31 - 1;

export const systemClock: AgentClock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, fire) {
    let handle: NodeJS.Timeout;
    const arm = (leftMs: number): void => {
      const stepMs = Math.min(leftMs, timeoutMsMax);
      handle = setTimeout(() => (leftMs > stepMs ? arm(leftMs - stepMs) : fire()), stepMs);
    };
    arm(Math.max(0, delayMs));
    return { cancel: () => clearTimeout(handle) };
  },
};

/** Resolves after `delayMs` of `clock`. */
export function wait(clock: AgentClock, delayMs: number): Promise<void> {
  return new Promise((resolve) => {
    clock.setTimer(delayMs, resolve);
  });
}
