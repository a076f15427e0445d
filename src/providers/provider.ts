/**
 * The provider port: how a server gets agents on demand and gets rid of them again.
 * An adapter knows one way to start a process somewhere; it decides nothing about how many.
 */

export interface ProviderCapabilities {
  /** What one agent of this provider can be: matched against jobs' labels before any is started. */
  readonly labels: Readonly<Record<string, string>>;
  /** The most agents at once. */
  readonly agentsMax: number;
  /** Stronger than a plain process? */
  readonly isolation: "process" | "container" | "pod" | "microvm";
}

export interface ProvisionRequest {
  /** Unique among all agents of the system; also what `list` reports. */
  readonly agentName: string;
  /** `host:port` that the agent dials. */
  readonly serverAddress: string;
  /** One-time token for the agent's enrolment. Must not reach argv or disk in the clear. */
  readonly token: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly slots: number;
  /** Marks everything started, so that orphans of a dead server are found by `list`. */
  readonly systemId: string;
}

export interface ProvisionedAgent {
  readonly agentName: string;
  readonly status: "starting" | "running" | "gone";
  readonly startedAtMs: number;
  /** For a person: pid, container id, pod name. */
  readonly where: string;
}

export interface Provider {
  readonly name: string;
  capabilities(): ProviderCapabilities;
  /** Starts one agent. Returns when it is started, not when it has dialled in. */
  provision(request: ProvisionRequest): Promise<ProvisionedAgent>;
  /** Stops it and all that it started; no error if it is gone already. */
  destroy(agentName: string): Promise<void>;
  /** Everything of this `systemId` that is still there, also what an earlier server process started. */
  list(systemId: string): Promise<readonly ProvisionedAgent[]>;
  /** Tells when an agent ends by itself. Returns the way to stop listening. */
  watch(listener: (agent: ProvisionedAgent, cause: string) => void): () => void;
  /** Rejects with a reason a person can act on if no agent could be started now. */
  health(): Promise<void>;
}
