/**
 * How many agents to start and which to let go, decided from what is seen now. Pure: time comes in,
 * orders come out.
 *
 *   starting, returning ──connected──▶ up ──idle too long──▶ draining ──ended──▶ (forgotten)
 *              └─────────too late────────┴──lost──────────────┴──too late──▶ ending ──▶ (forgotten)
 *
 *  P1. Never more than `agentsMax` at once, whatever their phase.
 *  P2. Agents are started for attempts that wait and that an agent of this provider could run, less
 *      what those that start already will take.
 *  P3. An agent is let go only when it holds nothing and nothing waits that it could run.
 */
import type { Demand } from "../actors/scheduler/index.ts";

export interface SuppliedAgent {
  readonly name: string;
  /** `returning`: an earlier server process started it. */
  readonly phase: "starting" | "returning" | "up" | "draining" | "ending";
  /** When this phase began. All times of a plan are milliseconds of one monotonic clock. */
  readonly sinceMs: number;
  /** How long it may take to connect, or to end. */
  readonly patienceMs: number;
  /** undefined = it holds attempts. */
  readonly idleSinceMs?: number;
  /** It is up, but its worker has been given up: it does not answer. */
  readonly lost?: boolean;
}

export interface SupplyView {
  readonly nowMs: number;
  readonly demand: readonly Demand[];
  readonly agents: readonly SuppliedAgent[];
  /** What every agent of the provider has. */
  readonly labels: Readonly<Record<string, string>>;
  readonly slotsPerAgent: number;
  readonly agentsMin: number;
  readonly agentsMax: number;
  readonly idleTimeoutMs: number;
  /** Nothing is started before: earlier starts have failed. */
  readonly startsAtMs: number;
}

export interface SupplyPlan {
  readonly start: number;
  /** Idle: take no more work and end. */
  readonly drain: readonly string[];
  /** Lost, or did not connect or end in time. */
  readonly destroy: readonly string[];
}

export function planSupply(view: SupplyView): SupplyPlan {
  const { nowMs, agents, agentsMin, agentsMax, slotsPerAgent, idleTimeoutMs } = view;
  const queued = view.demand
    .filter(({ labels }) => canServe(view.labels, labels))
    .reduce((sum, demand) => sum + demand.queued, 0);
  const overdue = agents.filter(({ phase, sinceMs, patienceMs, lost }) =>
    phase === "up" ? lost === true : nowMs - sinceMs >= patienceMs,
  );
  const starting = agents.filter((agent) => agent.phase === "starting" && !overdue.includes(agent));
  const wanted = Math.ceil((queued - starting.length * slotsPerAgent) / slotsPerAgent);
  const room = agentsMax - agents.length;
  const start = Math.min(room, Math.max(wanted, agentsMin - agents.length));
  const idle = agents.filter(
    ({ phase, idleSinceMs, lost }) =>
      phase === "up" && !lost && idleSinceMs !== undefined && nowMs - idleSinceMs >= idleTimeoutMs,
  );
  const surplus = queued > 0 ? 0 : Math.max(0, agents.length - overdue.length - agentsMin);
  return {
    start: nowMs < view.startsAtMs ? 0 : Math.max(0, start),
    drain: idle.slice(0, surplus).map(({ name }) => name),
    destroy: overdue.map(({ name }) => name),
  };
}

/** Has an agent with `offered` labels all of those that are `asked` for? */
export function canServe(
  offered: Readonly<Record<string, string>>,
  asked: Readonly<Record<string, string>>,
): boolean {
  return Object.entries(asked).every(
    ([name, value]) => Object.hasOwn(offered, name) && offered[name] === value,
  );
}
