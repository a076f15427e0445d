/** What every part of a server stands on, from its first line to its last. */
import type { Clock, Logger, Random } from "../actors/kernel/index.ts";
import type { AgentService } from "./agent-service.ts";
import type { AgentSupply } from "./agent-supply.ts";
import type { ListenAddress } from "./listen-address.ts";
import type { ServerMetrics } from "./server-metrics.ts";
import type { ServerOptions, StopServerOptions } from "./server-options.ts";
import type { Teardown } from "./teardown.ts";

export interface ServerGround {
  readonly options: ServerOptions;
  readonly listen: ListenAddress;
  /** Does the agent port speak TLS? */
  readonly tls: boolean;
  readonly dataDir: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly version: string;
  readonly startedAtMs: number;
  readonly teardown: Teardown;
  /** Fires first when the server stops. */
  readonly stopping: AbortController;
  readonly metrics: ServerMetrics | undefined;
  /** Once there is one: what the meter's gauges are read from. */
  agentService: AgentService | undefined;
  agentsOnStop: NonNullable<StopServerOptions["agents"]>;
  supply: AgentSupply | undefined;
}
