import type { Welcome } from "../../proto/troupe/agent/v1/agent.ts";
import { agentLimits } from "./limits.ts";
import type { LogLink } from "./log-outbox.ts";

export interface LinkTerms {
  readonly heartbeatMs: number;
  /** 0 = the server gives no lease. */
  readonly leaseMs: number;
  /** From the end of the lease until what is to be killed gets SIGKILL, at most. */
  readonly leaseKillMs: number;
  readonly log: LogLink;
}

/** For what a server leaves open (0). */
const defaults = { heartbeatMs: 5_000, logWindowBytes: 1024 * 1024 } as const;

/** What the server asks for in its Welcome, made safe to follow. */
export function linkTerms(welcome: Welcome): LinkTerms {
  const { heartbeatIntervalMs, leaseMs, leaseGraceMs, logFlushMs, logWindowBytes } = welcome;
  return {
    heartbeatMs: Math.max(agentLimits.heartbeatMsMin, heartbeatIntervalMs || defaults.heartbeatMs),
    leaseMs,
    // The other half is for SIGKILL to work, and for a machine that is late.
    leaseKillMs: Math.floor(leaseGraceMs / 2),
    log: { flushMs: logFlushMs, windowBytes: logWindowBytes || defaults.logWindowBytes },
  };
}
