/**
 * The life of a worker as a table. Pure: what happened in, the next status out.
 *
 *   provisioning → registering → idle ⇄ busy → draining → gone
 *                                  any of the last four → lost → idle (its agent came back)
 *
 *  L1. `busy` and `idle` differ only in whether attempts are held.
 *  L2. A draining worker takes nothing new and is gone when it holds nothing.
 *  L3. A lost worker may still hold attempts: those whose loss the runs have not yet answered.
 */

export type WorkerStatus =
  /** Ordered from a provider, has not enrolled. */
  | "provisioning"
  /** Enrolled, has not said hello. */
  | "registering"
  | "idle"
  | "busy"
  | "draining"
  /** Left as it should. */
  | "gone"
  /** Its lease was over before it came back. */
  | "lost";

export type WorkerInput =
  | { readonly type: "enrolled" }
  | { readonly type: "hello"; readonly holding: number; readonly sameBoot: boolean }
  | { readonly type: "assigned" }
  /** One attempt less; `holding` counts what is left. */
  | { readonly type: "released"; readonly holding: number }
  | { readonly type: "drain"; readonly holding: number }
  | { readonly type: "lease-over" };

type Row = {
  readonly [T in WorkerInput["type"]]?: (
    input: Extract<WorkerInput, { readonly type: T }>,
  ) => WorkerStatus;
};

const idleOrBusy = (input: { readonly holding: number }): WorkerStatus =>
  input.holding > 0 ? "busy" : "idle";
const drainingOrGone = (input: { readonly holding: number }): WorkerStatus =>
  input.holding > 0 ? "draining" : "gone";

/** What is not in the table cannot happen; `nextStatus` answers undefined for it. */
const table: Readonly<Record<WorkerStatus, Row>> = {
  provisioning: {
    enrolled: () => "registering",
    hello: idleOrBusy,
    drain: drainingOrGone,
    "lease-over": () => "lost",
  },
  registering: { hello: idleOrBusy, drain: drainingOrGone, "lease-over": () => "lost" },
  idle: {
    hello: idleOrBusy,
    assigned: () => "busy",
    drain: drainingOrGone,
    "lease-over": () => "lost",
  },
  busy: {
    hello: idleOrBusy,
    assigned: () => "busy",
    released: idleOrBusy,
    drain: drainingOrGone,
    "lease-over": () => "lost",
  },
  draining: {
    // A new process of the agent knows nothing of the order to drain, and is fresh for work.
    hello: (input) => (input.sameBoot ? drainingOrGone(input) : idleOrBusy(input)),
    released: drainingOrGone,
    drain: drainingOrGone,
    "lease-over": () => "lost",
  },
  gone: { hello: idleOrBusy },
  lost: { hello: idleOrBusy, released: () => "lost" },
};

/** undefined = this cannot happen to a worker in this status. */
export function nextStatus(status: WorkerStatus, input: WorkerInput): WorkerStatus | undefined {
  const step = table[status][input.type] as ((input: WorkerInput) => WorkerStatus) | undefined;
  return step?.(input);
}

/** May it be given an attempt? */
export function takesWork(status: WorkerStatus): boolean {
  return status === "idle" || status === "busy";
}
