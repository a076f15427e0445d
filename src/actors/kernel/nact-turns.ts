import { dispatch, spawn, start, stop } from "nact";

/** Where the kernel's turns come from. */
export interface Turns {
  /** Asks for one call of `run` in a later round of the event loop. */
  request(): void;
  /** Asks for one call of `run` before the event loop goes on. Absent: `request` serves. */
  requestSoon?(): void;
  /** Which of `ready` waiting actors is next. Absent: the first. A deterministic test decides here. */
  pick?(ready: number): number;
  /** No further call. */
  stop(): void;
}

export type TurnSource = (run: () => void) => Turns;

/**
 * The one place that touches nact. Of nact 7.6.2 only spawn, dispatch and stop are used: one
 * nact actor whose every message is a turn of the kernel. The tree, mailboxes, supervision and
 * stopping stand above it, because nact's own lose messages, children and order.
 */
export const nactTurns: TurnSource = (run) => {
  // Without a name nact makes a random one; two systems of one name would overwrite each other.
  const system = start();
  const runner = spawn(system, () => run(), "turns");
  return {
    request: () => dispatch(runner, true),
    requestSoon: () => queueMicrotask(run),
    stop: () => {
      stop(runner);
      stop(system);
    },
  };
};
