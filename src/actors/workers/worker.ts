/**
 * The worker: a persistent actor that stands for one agent, by the agent's id. It remembers what its
 * agent has been given, so that after a crash of this process nothing is given twice and nothing is
 * forgotten. It talks to nobody inside a turn: what follows from a turn is done by its pool, after
 * the commit (`changed`) and after each recovery (`recovered`).
 */
import { definePersistentActor, type PersistentContext } from "../persistence/index.ts";
import type { AgentHello } from "./agent-session.ts";
import type { AttemptKey } from "./attempt.ts";
import { takesWork } from "./worker-lifecycle.ts";
import {
  freeSlots,
  holds,
  isOpen,
  newWorker,
  type Reconciliation,
  type Registration,
  reconcile,
  type WorkerState,
  workerEvents,
} from "./worker-state.ts";
import type { EnrolledAgent } from "./workers.ts";

/** What follows from a worker's state, done outside of its turns. Must not throw, may be repeated. */
export interface WorkerEffects {
  /** The state that has just been committed, or recovered. */
  stands(workerId: string, state: WorkerState): void;
}

/** The definition for one system: each has its own, bound to the pool that does the effects. */
export function defineWorker(effects: WorkerEffects) {
  const announce = (worker: Announcing): void => {
    const { id, state } = worker;
    worker.afterCommit(() => effects.stands(id, state));
  };

  return definePersistentActor("worker", {
    initialState: (): WorkerState => newWorker,
    snapshot: { everyEvents: 200 },
    open: isOpen,
    recovered: ({ id, state }) => effects.stands(id, state),
  })
    .events(workerEvents)
    .commands({
      enrolled: (worker, { agentName, labels }: EnrolledAgent): void => {
        if (worker.state.status !== "provisioning") return;
        worker.persist("enrolled", { agentName, labels });
        announce(worker);
      },

      /** Its agent is here. What it holds is compared with what it was given. */
      hello: (worker, hello: AgentHello) => {
        const { bootId, start = 0 } = worker.state;
        // The network kept it back while the agent was started anew: what it holds is long dead.
        if (hello.bootId !== bootId && hello.start < start) {
          return worker.reject("earlier-start", { start, got: hello.start });
        }
        if (!isKnown(worker.state, hello)) {
          worker.persist("registered", registrationOf(worker.state, hello));
        }
        announce(worker);
        return reconcile(worker.state, hello.holding) satisfies Reconciliation;
      },

      /** Takes a slot for the attempt. Said twice, it is taken once. */
      assign: (worker, attempt: AttemptKey) => {
        const { status, slots } = worker.state;
        if (holds(worker.state, attempt)) return undefined;
        if (!takesWork(status)) return worker.reject("takes-no-work", { status });
        if (freeSlots(worker.state) === 0) return worker.reject("full", { slots });
        worker.persist("assigned", { attempt });
        return announce(worker);
      },

      /** The attempt's owner has answered: it is no longer this worker's. */
      release: (worker, attempt: AttemptKey, reason: string): void => {
        if (!holds(worker.state, attempt)) return;
        worker.persist("released", { attempt, reason });
        announce(worker);
      },

      drain: (worker, reason: string): void => {
        if (!takesWork(worker.state.status)) return;
        worker.persist("drainOrdered", { reason });
        announce(worker);
      },

      /** It gave no sign of life for a whole lease. */
      leaseOver: (worker): void => {
        if (!isOpen(worker.state)) return;
        worker.persist("leaseEnded");
        announce(worker);
      },

      /** Tells the pool once more how it stands. */
      stand: (worker): void => announce(worker),
    });
}

type Announcing = Pick<
  PersistentContext<WorkerState, never, never>,
  "id" | "state" | "afterCommit"
>;

export type WorkerDefinition = ReturnType<typeof defineWorker>;
export type WorkerHandle = InstanceType<WorkerDefinition["Handle"]>;

function registrationOf(state: WorkerState, hello: AgentHello): Registration {
  const { agentName, version, bootId, start, labels, slots, holding } = hello;
  // Only what it was given counts: it says the rest of its own accord.
  const kept = holding.filter((attempt) => holds(state, attempt));
  return {
    ...{ agentName, version, bootId, start, labels, slots },
    ...(kept.length > 0 ? { kept } : {}),
  };
}

/** A hello that changes nothing is not worth an event. */
function isKnown(state: WorkerState, hello: AgentHello): boolean {
  const { agentName, version, bootId, labels, slots } = state;
  const same = JSON.stringify({ agentName, version, bootId, slots, labels: sorted(labels) });
  const said = JSON.stringify({
    agentName: hello.agentName,
    version: hello.version,
    bootId: hello.bootId,
    slots: hello.slots,
    labels: sorted(hello.labels),
  });
  const settled = takesWork(state.status) || state.status === "draining";
  return settled && same === said;
}

function sorted(labels: Readonly<Record<string, string>>): readonly (readonly [string, string])[] {
  return Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));
}
