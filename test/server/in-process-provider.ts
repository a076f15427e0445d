/** A provider whose agents are scripted ones in this process. */
import type { Provider, ProvisionedAgent, ProvisionRequest } from "../../src/providers/provider.ts";
import { type ObedientAgent, obedientAgent, type Work } from "./obedient-agent.ts";
import { enroll } from "./scripted-agent.ts";

type Listener = (agent: ProvisionedAgent, cause: string) => void;

export class InProcessProvider implements Provider {
  readonly name = "here";
  readonly requests: ProvisionRequest[] = [];
  readonly destroyed: string[] = [];
  /** What `list` says of an earlier server's agents. */
  orphans: ProvisionedAgent[] = [];
  /** Why no agent can be started now. */
  sick: string | undefined;
  /** Agents that never connect. */
  mute = false;
  work: Work | undefined;
  labels: Readonly<Record<string, string>> = { from: "provider" };
  readonly alive = new Map<string, ObedientAgent | undefined>();
  readonly #listeners = new Set<Listener>();

  capabilities() {
    return { labels: this.labels, agentsMax: 10, isolation: "process" as const };
  }

  async provision(request: ProvisionRequest): Promise<ProvisionedAgent> {
    this.requests.push(request);
    const { agentName, serverAddress, token, labels, slots } = request;
    this.alive.set(agentName, undefined);
    if (!this.mute) void this.#dial(serverAddress, { agentName, token, labels, slots });
    return this.#described(agentName, "starting");
  }

  async destroy(agentName: string): Promise<void> {
    this.destroyed.push(agentName);
    this.alive.get(agentName)?.agent.vanish();
    this.alive.delete(agentName);
    this.orphans = this.orphans.filter((orphan) => orphan.agentName !== agentName);
  }

  async list(): Promise<readonly ProvisionedAgent[]> {
    return this.orphans;
  }

  watch(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async health(): Promise<void> {
    if (this.sick !== undefined) throw new Error(this.sick);
  }

  /** An agent ends by itself. */
  crash(agentName: string, cause: string): void {
    this.alive.get(agentName)?.agent.vanish();
    this.alive.delete(agentName);
    for (const tell of this.#listeners) tell(this.#described(agentName, "gone"), cause);
  }

  async #dial(
    address: string,
    of: Pick<ProvisionRequest, "agentName" | "token" | "labels" | "slots">,
  ): Promise<void> {
    const identity = await enroll(address, of.token, { name: of.agentName, labels: of.labels });
    const capabilities = {
      os: "linux",
      arch: "x64",
      slots: of.slots,
      shells: ["sh"],
      memoryBytes: 0,
      cpus: 1,
      enforces: [],
    };
    const connected = await obedientAgent(address, identity, {
      hello: { agentName: of.agentName, bootId: of.agentName, capabilities },
      ...(this.work === undefined ? {} : { work: this.work }),
    });
    if (this.alive.has(of.agentName)) this.alive.set(of.agentName, connected);
    else connected.agent.vanish();
    connected.agent.onAnswer((answer) => {
      if (answer.$case !== "drain") return;
      connected.agent.send({ $case: "draining", value: { reason: answer.value.reason } });
      connected.agent.leave();
      this.alive.delete(of.agentName);
      for (const tell of this.#listeners) tell(this.#described(of.agentName, "gone"), "drained");
    });
  }

  #described(agentName: string, status: ProvisionedAgent["status"]): ProvisionedAgent {
    return { agentName, status, startedAtMs: Date.now(), where: "this process" };
  }
}
