/**
 * Agents on demand: starts them through a provider while attempts wait, lets them go when they have
 * been idle, and finds again what an earlier server process left behind.
 *
 *  A1. What happens is decided by `planSupply`; here it is only seen to, one order per agent at a time.
 *  A2. A start that fails, and an agent that ends unasked, puts off the next start: longer each time,
 *      until one has stayed up. The reason can be read as `problem()` by whoever wonders why jobs wait.
 *  A3. After a crash, agents that are still there may come back within one lease; then they are ended.
 */
import {
  type Clock,
  type Logger,
  limits,
  type Random,
  reasonOf,
  type Timer,
} from "../actors/kernel/index.ts";
import type { Demand, Scheduler } from "../actors/scheduler/index.ts";
import type { Workers } from "../actors/workers/index.ts";
import type { Provider, ProvisionedAgent } from "../providers/provider.ts";
import type { Enrolment } from "./enrolment.ts";
import { planSupply, type SuppliedAgent } from "./supply-plan.ts";

export interface AgentSupplyOptions {
  readonly provider: Provider;
  readonly scheduler: Scheduler;
  readonly workers: Workers;
  readonly enrolment: Enrolment;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Marks all that is started for this data folder. */
  readonly systemId: string;
  /** `host:port` that agents dial. */
  readonly serverAddress: string;
  readonly slotsPerAgent: number;
  /** Kept up also when nothing waits. */
  readonly agentsMin: number;
  readonly agentsMax: number;
  readonly idleTimeoutMs: number;
  readonly startTimeoutMs: number;
  /** How long agents of an earlier process have to come back; 0 = they cannot find back. */
  readonly adoptWithinMs: number;
}

type Entry = { -readonly [K in keyof SuppliedAgent]: SuppliedAgent[K] };

/** How often agents are looked at while there are any. */
const lookEveryMs = 500;
/** An agent that stayed up for so long was no failed start. */
const steadyAfterMs = 10_000;
/** A drained agent that holds nothing ends at once, a destroyed one soon; then it is tried again. */
const endPatienceMs = 10_000;

export class AgentSupply {
  readonly #options: AgentSupplyOptions;
  readonly #logger: Logger;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #agentsMax: number;
  readonly #agents = new Map<string, Entry>();
  readonly #orders = new Set<Promise<void>>();
  readonly #stopListening: (() => void)[] = [];
  #demand: readonly Demand[] = [];
  #failures = 0;
  #startsAtMs = 0;
  #problem: string | undefined;
  #look: Timer | undefined;
  #stopped = false;

  constructor(options: AgentSupplyOptions) {
    const { labels, agentsMax } = options.provider.capabilities();
    this.#options = options;
    this.#logger = options.logger.child({ provider: options.provider.name });
    this.#labels = labels;
    this.#agentsMax = Math.min(options.agentsMax, agentsMax);
  }

  /** Takes over, or ends, what an earlier process left; from here on agents come and go. */
  async start(): Promise<void> {
    const { provider, scheduler } = this.#options;
    await this.#takeOver();
    this.#stopListening.push(
      provider.watch((agent, cause) => this.#ended(agent, cause)),
      scheduler.watchDemand((demand) => {
        this.#demand = demand;
        this.#see();
      }),
    );
    this.#demand = await scheduler.demand();
    this.#see();
  }

  /** Why no agent could be started, as a clause; undefined = nothing is wrong. */
  problem(): string | undefined {
    return this.#problem;
  }

  /** From here on no agent is started or let go. */
  pause(): void {
    this.#stopped = true;
    this.#look?.cancel();
    for (const stop of this.#stopListening.splice(0)) stop();
  }

  /** `destroy`: all agents end, with what they run. `keep`: they go on and wait for the next server. */
  async stop(agents: "destroy" | "keep"): Promise<void> {
    this.pause();
    await Promise.all(this.#orders);
    if (agents === "keep") return;
    await Promise.all([...this.#agents.keys()].map((name) => this.#destroy(name)));
  }

  async #takeOver(): Promise<void> {
    const { provider, systemId, adoptWithinMs } = this.#options;
    const left = await provider.list(systemId).catch((error: unknown) => {
      this.#failed(reasonOf(error));
      return [];
    });
    for (const { agentName, status, where } of left) {
      if (status === "gone" || adoptWithinMs <= 0) {
        this.#logger.info("ending an agent of an earlier server", { agent: agentName, where });
        await this.#destroy(agentName);
      } else {
        this.#logger.info("an agent of an earlier server is still there", {
          agent: agentName,
          where,
        });
        this.#enter(agentName, "returning", adoptWithinMs);
      }
    }
  }

  #see(): void {
    if (this.#stopped) return;
    const { clock, workers, slotsPerAgent, agentsMin, idleTimeoutMs } = this.#options;
    const nowMs = clock.monotonicMs();
    this.#observe(nowMs);
    const plan = planSupply({
      nowMs,
      demand: this.#demand,
      agents: [...this.#agents.values()],
      labels: this.#labels,
      slotsPerAgent,
      agentsMin: Math.min(agentsMin, this.#agentsMax),
      agentsMax: this.#agentsMax,
      idleTimeoutMs,
      startsAtMs: this.#startsAtMs,
    });
    for (let count = 0; count < plan.start; count += 1) this.#order(this.#provision());
    for (const name of plan.drain) {
      const worker = workers.list().find(({ agentName }) => agentName === name);
      this.#enter(name, "draining", endPatienceMs);
      if (worker) this.#order(workers.drain(worker.workerId, "it has been idle"));
    }
    for (const name of plan.destroy) this.#giveUp(name);
    this.#lookAgain();
  }

  /** Brings the entries up to what the workers say. */
  #observe(nowMs: number): void {
    const byName = new Map(
      this.#options.workers.list().map((worker) => [worker.agentName, worker]),
    );
    for (const { name, phase } of [...this.#agents.values()]) {
      const worker = byName.get(name);
      const waited = phase === "starting" || phase === "returning";
      if (waited && worker?.connected) this.#cameUp(name);
      const agent = this.#agents.get(name);
      // A drained agent ends when its jobs have ended: until then nobody is impatient.
      if (agent?.phase === "draining" && worker?.holding.length) agent.sinceMs = nowMs;
      if (agent?.phase !== "up") continue;
      if (nowMs - agent.sinceMs >= steadyAfterMs) this.#failures = 0;
      agent.lost = worker?.status === "lost";
      if (worker === undefined || worker.holding.length > 0) delete agent.idleSinceMs;
      else agent.idleSinceMs ??= nowMs;
    }
  }

  #cameUp(name: string): void {
    this.#enter(name, "up", 0);
    this.#problem = undefined;
  }

  async #provision(): Promise<void> {
    const { provider, enrolment, random, systemId, serverAddress } = this.#options;
    const { startTimeoutMs, slotsPerAgent } = this.#options;
    const agentName = `${provider.name}-${random.uuid().slice(0, 8)}`;
    const labels = this.#labels;
    this.#enter(agentName, "starting", startTimeoutMs);
    try {
      await provider.health();
      const { token } = await enrolment.createToken({ agentName, labels, ttlMs: startTimeoutMs });
      const { where } = await provider.provision({
        agentName,
        serverAddress,
        token,
        labels,
        slots: slotsPerAgent,
        systemId,
      });
      this.#logger.info("agent started", { agent: agentName, where });
    } catch (error) {
      this.#agents.delete(agentName);
      this.#failed(reasonOf(error));
    }
  }

  /** The provider says that an agent ended by itself. */
  #ended({ agentName }: ProvisionedAgent, cause: string): void {
    const agent = this.#agents.get(agentName);
    if (agent === undefined || agent.phase === "ending") return;
    if (agent.phase === "draining") this.#logger.info("agent ended", { agent: agentName });
    else this.#failed(`the agent ${agentName} ended by itself: ${cause}`);
    this.#order(this.#destroy(agentName));
    this.#see();
  }

  #giveUp(name: string): void {
    const agent = this.#agents.get(name);
    if (agent?.phase === "starting") {
      this.#failed(`the agent ${name} did not connect within ${agent.patienceMs} ms`);
    }
    this.#order(this.#destroy(name));
  }

  /** Also after it has ended by itself: the provider clears away what is left. */
  async #destroy(name: string): Promise<void> {
    this.#enter(name, "ending", endPatienceMs);
    try {
      await this.#options.provider.destroy(name);
      this.#agents.delete(name);
      // What is destroyed never comes back, and nobody else shall come in its name.
      const worker = this.#options.workers.list().find(({ agentName }) => agentName === name);
      if (worker !== undefined) await this.#options.enrolment.forget(worker.workerId);
    } catch (error) {
      this.#logger.warn("an agent could not be ended", { agent: name, error });
    }
  }

  #failed(reason: string): void {
    const { clock } = this.#options;
    this.#failures += 1;
    const pauseMs = Math.min(
      limits.supplyBackoffMs * 2 ** (this.#failures - 1),
      limits.supplyBackoffMsMax,
    );
    this.#startsAtMs = clock.monotonicMs() + pauseMs;
    this.#problem = `no agent could be started: ${reason.replace(/[.\s]+$/, "")}`;
    this.#logger.warn("no agent", { reason, failures: this.#failures, nextTryInMs: pauseMs });
    this.#lookAgain();
  }

  #enter(name: string, phase: SuppliedAgent["phase"], patienceMs: number): void {
    const sinceMs = this.#options.clock.monotonicMs();
    this.#agents.set(name, { name, phase, sinceMs, patienceMs });
  }

  #order(work: Promise<void>): void {
    const order = work
      .catch((error: unknown) => this.#logger.warn("an order to an agent failed", { error }))
      .finally(() => this.#orders.delete(order));
    this.#orders.add(order);
  }

  #lookAgain(): void {
    const waits = this.#agents.size > 0 || this.#demand.some(({ queued }) => queued > 0);
    this.#look?.cancel();
    this.#look =
      waits && !this.#stopped
        ? this.#options.clock.setTimer(lookEveryMs, () => this.#see())
        : undefined;
  }
}
