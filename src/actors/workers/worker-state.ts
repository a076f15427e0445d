/**
 * What is stored of a worker, as a pure fold of its events, and what it makes of a hello. Whether its
 * agent is connected is not stored: after a restart nobody is.
 *
 *  W1. An attempt is held from before it is sent to the agent until its owner has answered for it.
 *  W2. A held attempt is live, or lost: a lost one can no longer be on the agent and waits only for its
 *      owner to be told. Live ones take a slot each.
 *  W3. A lost attempt is never live again.
 */
import type { AgentHello } from "./agent-session.ts";
import { type AttemptKey, attemptId } from "./attempt.ts";
import { nextStatus, type WorkerInput, type WorkerStatus } from "./worker-lifecycle.ts";

export interface WorkerState {
  readonly status: WorkerStatus;
  readonly agentName: string;
  readonly version: string;
  /** Empty = it has not said hello. */
  readonly bootId: string;
  /** Of `bootId`; absent in what was stored before agents counted their starts. */
  readonly start?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** In the order of assignment. */
  readonly held: readonly HeldAttempt[];
}

export interface HeldAttempt {
  readonly attempt: AttemptKey;
  /** Why it can no longer be on the agent; absent = live. */
  readonly lost?: string;
}

export const newWorker: WorkerState = {
  status: "provisioning",
  agentName: "",
  version: "",
  bootId: "",
  labels: {},
  slots: 0,
  held: [],
};

export interface Registration {
  readonly agentName: string;
  readonly version: string;
  readonly bootId: string;
  readonly start?: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Of a new start: attempts that ended in an earlier one, whose results it has yet to tell. */
  readonly kept?: readonly AttemptKey[];
}

export const workerEvents = {
  enrolled: (
    state: WorkerState,
    data: { agentName: string; labels: Readonly<Record<string, string>> },
  ): WorkerState => ({ ...step(state, { type: "enrolled" }), ...data }),

  registered: (state: WorkerState, { kept = [], ...registration }: Registration): WorkerState => {
    const sameBoot = state.bootId === registration.bootId;
    const held = sameBoot ? state.held : lostBut(kept, state.held, "its agent was started anew");
    const holding = held.length;
    return { ...step(state, { type: "hello", holding, sameBoot }), ...registration, held };
  },

  assigned: (state: WorkerState, { attempt }: { attempt: AttemptKey }): WorkerState => ({
    ...step(state, { type: "assigned" }),
    held: [...state.held, { attempt }],
  }),

  released: (
    state: WorkerState,
    { attempt }: { attempt: AttemptKey; reason: string },
  ): WorkerState => {
    const id = attemptId(attempt);
    const held = state.held.filter((of) => attemptId(of.attempt) !== id);
    return { ...step(state, { type: "released", holding: held.length }), held };
  },

  drainOrdered: (state: WorkerState, _data: { reason: string }): WorkerState =>
    step(state, { type: "drain", holding: state.held.length }),

  leaseEnded: (state: WorkerState): WorkerState => ({
    ...step(state, { type: "lease-over" }),
    held: allLost(state.held, "its agent gave no sign of life until its lease was over"),
  }),
};

/** What cannot happen leaves the status as it is. */
function step(state: WorkerState, input: WorkerInput): WorkerState {
  return { ...state, status: nextStatus(state.status, input) ?? state.status };
}

function allLost(held: readonly HeldAttempt[], reason: string): readonly HeldAttempt[] {
  return lostBut([], held, reason);
}

function lostBut(
  kept: readonly AttemptKey[],
  held: readonly HeldAttempt[],
  reason: string,
): readonly HeldAttempt[] {
  const ids = new Set(kept.map(attemptId));
  return held.map((of) => {
    return of.lost !== undefined || ids.has(attemptId(of.attempt)) ? of : { ...of, lost: reason };
  });
}

export function holds(state: WorkerState, attempt: AttemptKey): boolean {
  const id = attemptId(attempt);
  return state.held.some((of) => attemptId(of.attempt) === id);
}

export function liveAttempts(state: WorkerState): readonly AttemptKey[] {
  return state.held.filter(({ lost }) => lost === undefined).map(({ attempt }) => attempt);
}

export function freeSlots(state: WorkerState): number {
  return Math.max(0, state.slots - liveAttempts(state).length);
}

/** Half-done work: the worker must be awake for its lease, or to tell of what it lost. */
export function isOpen({ status, held }: WorkerState): boolean {
  if (held.length > 0) return true;
  return status === "idle" || status === "busy" || status === "draining";
}

/** What a hello means for the attempts, once `registered` has been applied. */
export interface Reconciliation {
  /** On both sides. */
  readonly resumed: readonly AttemptKey[];
  /** Given to it, but it has never got them: they are delivered (again). */
  readonly undelivered: readonly AttemptKey[];
  /** It holds them and must kill and forget them: they are not its own (any more). */
  readonly disowned: readonly AttemptKey[];
}

export function reconcile(state: WorkerState, holding: AgentHello["holding"]): Reconciliation {
  const live = new Map(liveAttempts(state).map((attempt) => [attemptId(attempt), attempt]));
  const onAgent = new Set(holding.map(attemptId));
  return {
    resumed: [...live].filter(([id]) => onAgent.has(id)).map(([, attempt]) => attempt),
    undelivered: [...live].filter(([id]) => !onAgent.has(id)).map(([, attempt]) => attempt),
    disowned: holding.filter((attempt) => !live.has(attemptId(attempt))),
  };
}
